"""The words of a stream, sorted into samples, steps and neurons; where they breach the protocol."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.config import CoreConfig, InputConfig
from spikewright.events import Kind, WordFormat

__all__ = ["Breach", "Received", "Sender", "compare_port", "receive"]

Integers = npt.NDArray[np.int64]


@dataclass(frozen=True, slots=True, kw_only=True)
class Breach:
    """A breach of the event protocol, or of the configuration bus; where it first shows, if it is known.

    ``stepped`` says that it is in the second run of a sample, which is stepped through.
    """

    what: str
    population: str | None = None
    sample: int | None = None
    step: int | None = None
    stepped: bool = False

    def __str__(self) -> str:
        place = "" if self.population is None else f"population {self.population!r}: "
        when = "" if self.sample is None else f", first in sample {self.sample}, step {self.step}"
        return f"{place}{self.what}{when}"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Received:
    """What a core sent.

    Parameters
    ----------
    values
        Events, or potentials, ``(samples, steps, neurons)``; zero from the first misplaced token on.
    step_cycles, sample_cycles
        Clock of every token, ``(samples, steps)`` and ``(samples,)``; zero where tokens are out of order.
    breaches
        Sample numbers count all samples that were run.
    """

    values: Integers
    step_cycles: Integers
    sample_cycles: Integers
    breaches: list[Breach]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Sender:
    """Who sends words: a core, or an encoder.

    Parameters
    ----------
    addresses
        Address of each neuron or line.
    fires
        Whether words are spikes; else every neuron gives its potential once a step.
    """

    name: str
    word: WordFormat
    addresses: Integers
    fires: bool

    @classmethod
    def core(cls, core: CoreConfig) -> "Sender":
        """A core."""
        return cls(name=core.name, word=core.word, addresses=core.addresses, fires=core.neuron.fires)

    @classmethod
    def encoder(cls, port: InputConfig) -> "Sender":
        """The encoder behind an input."""
        return cls(name=port.name, word=port.word, addresses=port.addresses, fires=True)


def receive(sender: Sender, words: Integers, cycles: Integers, samples: int, steps: int) -> Received:
    """Sort the words of a core or an encoder."""
    breaches: list[Breach] = []
    kinds = words & 3
    expected = np.tile(np.r_[np.full(steps, Kind.END_OF_STEP), Kind.END_OF_SAMPLE], samples)
    is_token = kinds != Kind.EVENT
    tokens = kinds[is_token]
    common = min(len(tokens), len(expected))
    right = common
    if not np.array_equal(tokens, expected):
        differs = np.flatnonzero(tokens[:common] != expected[:common])
        right = int(differs[0]) if len(differs) else common
        sample, step = divmod(min(right, len(expected) - 1), steps + 1)
        breaches.append(
            Breach(
                population=sender.name,
                sample=sample,
                step=min(step, steps - 1),
                what=f"{len(tokens)} tokens, or out of order; expected {len(expected)}",
            )
        )
    before = np.cumsum(is_token) - is_token  # tokens before each word
    chosen = ~is_token & (before < right)
    sample, step = np.divmod(before[chosen], steps + 1)
    values = _values(sender, words[chosen], sample, step, (samples, steps), breaches, complete=not breaches)
    token_cycles = np.zeros((samples, steps + 1), np.int64)
    if not breaches or right == len(expected):
        token_cycles = cycles[is_token][: len(expected)].reshape(samples, steps + 1)
    return Received(
        values=values,
        step_cycles=token_cycles[:, :-1],
        sample_cycles=token_cycles[:, -1],
        breaches=breaches,
    )


def _values(
    sender: Sender,
    words: Integers,
    sample: Integers,
    step: Integers,
    shape: tuple[int, int],
    breaches: list[Breach],
    *,
    complete: bool,
) -> Integers:
    """Events counted, or potentials, by neuron; every event must be of a neuron and in its step."""

    def breach(wrong: npt.NDArray[np.bool_], what: str) -> None:
        if wrong.any():
            first = int(np.argmax(wrong))
            breaches.append(
                Breach(
                    population=sender.name,
                    sample=int(sample[first]),
                    step=int(step[first]),
                    what=f"{int(wrong.sum())} {what}",
                )
            )

    result = np.zeros((*shape, len(sender.addresses)), dtype=np.int64)
    address = (words >> 2) & ((1 << sender.word.address_bits) - 1)
    neurons = np.full(1 << sender.word.address_bits, -1)
    neurons[sender.addresses] = np.arange(len(sender.addresses))
    neuron = neurons[address]
    late = step >= shape[1]
    breach(neuron < 0, "events of places without a neuron")
    breach(late, "events between the last step and the sample's end")
    known = (neuron >= 0) & ~late
    place = sample[known], step[known], neuron[known]
    if sender.fires:
        np.add.at(result, place, 1)
        return result
    bits = sender.word.value_bits
    value = (words >> (2 + sender.word.address_bits)) & ((1 << bits) - 1)
    result[place] = (value - ((value >> (bits - 1)) << bits))[known]
    seen = np.zeros(result.shape, dtype=np.int64)
    np.add.at(seen, place, 1)
    if complete and (seen != 1).any():
        first = np.argwhere(seen != 1)[0]
        breaches.append(
            Breach(
                population=sender.name,
                sample=int(first[0]),
                step=int(first[1]),
                what=f"{int((seen != 1).sum())} read-outs missing or doubled",
            )
        )
    return result


def compare_port(core: CoreConfig, sent: Integers, arrived: Integers, steps: int) -> list[Breach]:
    """What a core sent must arrive at the chip's port, word by word."""
    if np.array_equal(sent, arrived):
        return []
    common = min(len(sent), len(arrived))
    differs = np.flatnonzero(sent[:common] != arrived[:common])
    first = int(differs[0]) if len(differs) else common
    sample, step = divmod(int(np.count_nonzero((sent[:first] & 3) != Kind.EVENT)), steps + 1)
    wrong = len(differs) + max(len(sent), len(arrived)) - common
    return [
        Breach(
            population=core.name,
            sample=sample,
            step=min(step, steps - 1),
            what=f"{wrong} of {len(sent)} words do not arrive at the chip's port as the core sent them",
        )
    ]
