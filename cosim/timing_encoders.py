"""Timing of encoders of sound: when their words come, and when they take those that they are fed.

Clocks are those of :class:`~spikewright.rtl.spiketrum.encoder.SpiketrumEncoder` and of
:class:`~spikewright.rtl.filterbank.core.FilterBankCore`. A sample's clocks count from when the end of the
sample before shows; those of the first from when its first word is taken.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from spikewright.config import InputConfig
from spikewright.cosim.timing_core import Words
from spikewright.cosim.timing_spiketrum import SpiketrumTiming
from spikewright.filterbank import FilterBankConfig
from spikewright.memories import encoder_layout
from spikewright.models.encoders import Sound
from spikewright.models.filterbank import FixedFilterBank
from spikewright.models.spiketrum_windows import Window, spiketrum_windows
from spikewright.spiketrum import SpiketrumConfig

__all__ = ["BankSource", "EncoderSource", "PursuitSource", "encoder_source"]

Cycles = npt.NDArray[np.int64]

TAKEN, FILTERED = 4, 13
"""Clocks between words that a filter bank takes and need no filtering; until a token of these is out."""

Made = tuple[list[int], list[int], int]
"""Words of a step: lines, when each is made, when the token is."""


class EncoderSource(ABC):
    """An encoder behind an input, fed with a word a cycle.

    Attributes
    ----------
    free
        When the end of the sample before is gone, and the cycle after; 0 for the first.
    gone
        When the end of the sample is gone, on the clock that counts from when it shows.
    worked
        Clocks that it works on each sample, as far as it does not wait.
    first, released
        When the first word of each sample is taken; when its end is, on the clock that counts from when it
        shows. Until then all rests: co-simulation reads states before it sends the end.
    """

    def __init__(self, sound: Sound) -> None:
        self.free: Cycles = np.zeros(len(sound), np.int64)
        self.gone: Cycles = np.zeros(len(sound), np.int64)
        self.worked: Cycles = np.zeros(len(sound), np.int64)
        self.first: Cycles = np.zeros(len(sound), np.int64)
        self.released: Cycles = np.zeros(len(sound), np.int64)
        self._step, self._made = -1, list[Made]()

    def offer(self, step: int, taken: Mapping[str, Cycles] | None) -> Words:
        """The words of a step, all samples at once."""
        if step != self._step:
            self._step, self._made = step, [self._words(sample, step) for sample in range(len(self.free))]
        most = max(len(lines) for lines, _, _ in self._made)
        sources, made = (np.zeros((len(self._made), most), np.int64) for _ in range(2))
        for row, (lines, times, _) in enumerate(self._made):
            sources[row, :len(lines)], made[row, :len(times)] = lines, times
        valid = np.arange(most)[None, :] < np.array([len(lines) for lines, _, _ in self._made])[:, None]
        token = np.array([token for _, _, token in self._made])
        return Words(sources=sources, valid=valid, made=made, token=token, taken=taken, in_step=True)

    @abstractmethod
    def _words(self, sample: int, step: int) -> Made:
        """The words of a step of a sample."""

    @abstractmethod
    def end_step(self, words: Words) -> None:
        """All of the step is settled; the next begins."""


class PursuitSource(EncoderSource):
    """A spiketrum encoder: the words of a window come when all its spikes are found, step by step."""

    def __init__(self, port: InputConfig, sound: Sound) -> None:
        super().__init__(sound)
        assert isinstance(port.encoder, SpiketrumConfig)
        layout = encoder_layout(port)
        self.config, self.reach = port.encoder, layout.longest - 1
        self.timing = SpiketrumTiming(layout)
        self.lengths = [len(samples) for samples in sound.samples]
        self.windows = [[*spiketrum_windows(self.config, samples)] for samples in sound.samples]
        self.worked = np.array([sum(map(self._cycles, windows)) for windows in self.windows], np.int64)
        self.closed = np.full(len(sound), -1)  # when the emitter was last told to send
        self.scan = np.zeros(len(sound), np.int64)  # when it begins with the next step
        self.released -= 3

    def _cycles(self, window: Window) -> int:
        return self.timing.window_cycles(window.positions, window.channels,
                                         "silence" if window.silent else "credit")

    def _words(self, sample: int, step: int) -> Made:
        if step >= self.config.steps(self.lengths[sample]):
            # A word asks for a step without spikes, which is given where no other is under way.
            asks = max(self.lengths[sample] + self.reach + 2, int(self.closed[sample]) + 1)
            self.closed[sample] = max(asks + 2, int(self.free[sample]))
            self.scan[sample] = self.closed[sample] + 1
            return [], [], int(self.scan[sample]) + 1
        number, first = divmod(step * self.config.step, self.config.window)
        window = self.windows[sample][number]
        if not first:
            self._code(sample, number, window)
        lines, times, clock = list[int](), list[int](), int(self.scan[sample])
        for line, (_, position) in zip(window.lines, window.spikes, strict=True):
            clock += 3
            if position // self.config.step == first // self.config.step:
                lines.append(line)
                times.append(clock)
                clock += 1
        return lines, times, clock + 1

    def _code(self, sample: int, number: int, window: Window) -> None:
        """Code a window: it begins with all samples it reaches, and sends when the one before is sent."""
        wanted, samples = (number + 1) * self.config.window + self.reach, self.lengths[sample]
        complete = wanted + (wanted > samples) if wanted <= samples + self.reach else samples + self.reach + 2
        begins = max(complete + 1, int(self.closed[sample]) + 2)
        cycles = self._cycles(window)
        chosen = 2 + self.timing.correlate_cycles(window.positions) + self.timing.choose_cycles(True)
        sends = begins + (chosen if window.spikes else cycles - 1)
        self.closed[sample] = begins + cycles - 1 + max(0, int(self.free[sample]) - sends)
        self.scan[sample] = self.closed[sample] + 1

    def end_step(self, words: Words) -> None:
        self.scan = self.free = words.token_taken + 1


class BankSource(EncoderSource):
    """A filter bank: word by word as samples are done; while one waits, all stands still."""

    def __init__(self, port: InputConfig, sound: Sound) -> None:
        super().__init__(sound)
        assert isinstance(port.encoder, FilterBankConfig)
        self.config = port.encoder
        self.lengths = np.array([len(samples) for samples in sound.samples], np.int64)
        self.worked = self.lengths * self.config.cycles
        self.spikes = [FixedFilterBank(self.config).events(samples) for samples in sound.samples]
        self.first = np.full(len(sound), TAKEN - FILTERED)
        self.first[:1] = 0
        self.released = np.full(len(sound), -FILTERED)
        self.tokens = np.zeros(len(sound), np.int64)  # when that of the step would come if nothing waited
        self.lag: Cycles = np.zeros(len(sound), np.int64)

    def _words(self, sample: int, step: int) -> Made:
        config, began, length = self.config, int(self.first[sample]), int(self.lengths[sample])
        if not step:
            self.lag[sample] = max(0, int(self.free[sample]) - 1)
        times, channels = self.spikes[sample]
        inside = times // config.step == step
        times, channels = times[inside], channels[inside]
        made = began + config.cycles * times + 12 * (config.channels + 1) + 4 * channels
        whole, over = (step + 1) * config.step, began + config.cycles * length
        silent = max(0, step + 1 - config.steps(length))
        token = began + config.cycles * whole + 9 if whole <= length else over + TAKEN * silent + FILTERED
        self.tokens[sample] = token
        lag = int(self.lag[sample])
        return channels.tolist(), (made + lag).tolist(), token + lag

    def end_step(self, words: Words) -> None:
        self.lag = words.token_taken - self.tokens


def encoder_source(port: InputConfig, sound: Sound) -> EncoderSource:
    """The encoder of an input, and the recordings that it is fed."""
    return (BankSource if isinstance(port.encoder, FilterBankConfig) else PursuitSource)(port, sound)
