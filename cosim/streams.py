"""The words of a core's stream, sorted into samples, steps and neurons; where they breach the protocol."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from spikewright.config import CoreConfig
from spikewright.events import Kind

__all__ = ["Breach", "Received", "compare_port", "receive"]

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


def receive(core: CoreConfig, words: Integers, cycles: Integers, samples: int, steps: int) -> Received:
    """Sort the words of a core."""
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
                population=core.name,
                sample=sample,
                step=min(step, steps - 1),
                what=f"{len(tokens)} tokens, or out of order; expected {len(expected)}",
            )
        )
    before = np.cumsum(is_token) - is_token  # tokens before each word
    chosen = ~is_token & (before < right)
    sample, step = np.divmod(before[chosen], steps + 1)
    values = _values(core, words[chosen], sample, step, (samples, steps), breaches, complete=not breaches)
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
    core: CoreConfig,
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
                    population=core.name,
                    sample=int(sample[first]),
                    step=int(step[first]),
                    what=f"{int(wrong.sum())} {what}",
                )
            )

    result = np.zeros((*shape, core.neurons), dtype=np.int64)
    address = (words >> 2) & ((1 << core.address_bits) - 1)
    neurons = np.full(1 << core.address_bits, -1)
    neurons[core.addresses] = np.arange(core.neurons)
    neuron = neurons[address]
    late = step >= shape[1]
    breach(neuron < 0, "events of places without a neuron")
    breach(late, "events between the last step and the sample's end")
    known = (neuron >= 0) & ~late
    place = sample[known], step[known], neuron[known]
    if core.neuron.fires:
        np.add.at(result, place, 1)
        return result
    bits = core.neuron.state_bits
    value = (words >> (2 + core.address_bits)) & ((1 << bits) - 1)
    result[place] = (value - ((value >> (bits - 1)) << bits))[known]
    seen = np.zeros(result.shape, dtype=np.int64)
    np.add.at(seen, place, 1)
    if complete and (seen != 1).any():
        first = np.argwhere(seen != 1)[0]
        breaches.append(
            Breach(
                population=core.name,
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
