"""Integer levels of one population at a given scale, and how wide its state must be."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spikewright.compiler.bounds import Range, reachable_current, reachable_potential
from spikewright.errors import ConfigError
from spikewright.fixed import signed_bits, signed_range
from spikewright.ir import RealPopulation
from spikewright.neuron import Current, Decay, Levels, NeuronConfig

__all__ = [
    "WIDEST",
    "LevelsOverflowError",
    "choose_current_bits",
    "choose_state_bits",
    "least_bits",
    "least_current_bits",
    "population_neuron",
    "scale_text",
]

Reals = npt.NDArray[np.float64]

SLACK = 1e-6
"""What a level may be off the grid by float rounding and still count as on it."""

WIDEST = 24
COMFORTABLE = 16
"""State bits that a firing population gets unless its levels need more, or its range is proven smaller."""
HEADROOM = 4
"""Bits above the largest level: the potential may go 16 times as far, mostly below zero."""


class LevelsOverflowError(ConfigError):
    """A level does not fit the state; a lower scale would help."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """A width, a line that says why, and the lowest and highest value of every neuron at it."""

    bits: int
    note: str
    reached: Range


def population_neuron(
    population: RealPopulation,
    scale: Reals,
    decay: Decay,
    state_bits: int,
    current_decay: Decay | None = None,
) -> NeuronConfig:
    """Arithmetic of a population whose real 1.0 is ``scale`` codes, ``(size,)``.

    Raises
    ------
    LevelsOverflowError
        If a level is beyond the state; the message names the level and the state's end.
    """
    subtract = population.reset == "subtract"
    if population.fires and subtract and population.reset_amount.min() < 0:
        least = float(population.reset_amount.min())
        raise ConfigError(
            f"{population.name}: a threshold that is subtracted must be 0 or above, not {least:g}"
        )
    scaled = population.threshold * scale
    compare = np.ceil(scaled - SLACK) if population.compare == "ge" else np.floor(scaled + SLACK) + 1
    amount, value = np.rint(population.reset_amount * scale), np.rint(population.reset_value * scale)
    bias = np.rint(population.bias * scale)
    low, high = signed_range(state_bits)

    def fits(what: str, real: Reals, codes: Reals, first: int, last: int) -> None:
        worst = int(np.argmax(np.maximum(first - codes, codes - last)))
        if not first <= codes[worst] <= last:
            raise LevelsOverflowError(
                f"{population.name}: {what} {real[worst]:g} is level {codes[worst]:.0f} at scale"
                f" {scale[worst]:.6g},"
                f" and levels of {state_bits}-bit states must be in {first}..{last}"
            )

    fits("bias", population.bias, bias, low, high)
    floor = None
    if population.v_min is not None:
        if population.v_min > 0:
            raise ConfigError(f"{population.name}: v_min must be 0 or below, not {population.v_min:g}")
        floor = max(low, int(np.ceil(population.v_min * float(scale.max()) - SLACK)))
    bottom = low if floor is None else floor
    current = None
    if population.current is not None:
        assert current_decay is not None  # chosen where there is a current
        current_bias = np.rint(population.current.bias * scale)
        fits("bias of the current", population.current.bias, current_bias, *signed_range(WIDEST))
        current = Current(
            bits=WIDEST, decay=current_decay, bias=one_or_each(current_bias), feeds=population.current.feeds
        )
    if not population.fires:
        return NeuronConfig(
            fires=False,
            state_bits=state_bits,
            decay=decay,
            bias=one_or_each(bias),
            floor=floor,
            current=current,
        )
    fits("threshold", population.threshold, compare, bottom + 1, high)
    if subtract:
        fits("threshold, as reset amount,", population.reset_amount, amount, 0, high)
    else:
        fits("v_reset", population.reset_value, value, bottom, high)
    return NeuronConfig(
        state_bits=state_bits,
        decay=decay,
        compare=one_or_each(compare),
        reset=population.reset,
        reset_when=population.reset_when,
        reset_amount=one_or_each(amount) if subtract else (0,),
        reset_value=(0,) if subtract else one_or_each(value),
        bias=one_or_each(bias),
        floor=floor,
        max_spikes=population.max_spikes,
        current=current,
    )


def one_or_each(codes: Reals) -> Levels:
    """One level where all are equal."""
    levels = tuple(int(code) for code in codes)
    return levels[:1] if len(set(levels)) == 1 else levels


def choose_state_bits(neuron: NeuronConfig, drive: Range, name: str, scale: Reals) -> Choice:
    """State width where none is asked for.

    As few bits as provably never saturate. Where that is more than a firing population is worth, 16 bits
    or four above its largest level; one that does not fire takes up to 24, since nothing resets it.

    Parameters
    ----------
    neuron
        Arithmetic at the widest state.
    drive
        Range of what is added in a step: drive and held drive, or the current.
    """
    least = least_bits(neuron)
    reached = reachable_potential(neuron, drive, 1 << (WIDEST - 1))
    proven = WIDEST + 1
    if reached is not None:
        lowest = int(reached[0].min()) if neuron.floor is None else neuron.floor
        proven = max(least, signed_bits(min(lowest, 0), max(int(reached[1].max()), 0)))
    cap = max(COMFORTABLE, least + HEADROOM) if neuron.fires else WIDEST
    bits = min(proven, cap, WIDEST)
    if reached is not None and bits == proven:
        return Choice(bits=bits, note=f"{name}: {bits}-bit states, proven never to saturate", reached=reached)
    low, high = replace(neuron, state_bits=bits).potential_range
    note = f"{name}: {bits}-bit states: potentials saturate at {ends(low, high, scale)}"
    return Choice(bits=bits, note=note, reached=everywhere(low, high, len(scale)))


def choose_current_bits(
    neuron: NeuronConfig, drive: Range, name: str, scale: Reals, asked: int | None = None
) -> Choice:
    """Width of a synaptic current: proven as that of a state, 16 bits or four above the levels at most."""
    current = neuron.current
    assert current is not None  # asked only of populations with one
    least = least_current_bits(current)
    reached = reachable_current(current, drive, 1 << (WIDEST - 1))
    proven = WIDEST + 1
    if reached is not None:
        proven = max(least, signed_bits(min(int(reached[0].min()), 0), max(int(reached[1].max()), 0)))
    cap = max(COMFORTABLE, least_bits(neuron) + HEADROOM) if neuron.fires else WIDEST
    bits = min(proven, cap, WIDEST) if asked is None else max(asked, least)
    if reached is not None and bits >= proven:
        note = f"{name}: {bits}-bit currents, proven never to saturate"
        return Choice(bits=bits, note=note, reached=reached)
    low, high = signed_range(bits)
    note = f"{name}: {bits}-bit currents: they saturate at {ends(low, high, scale)}"
    return Choice(bits=bits, note=note, reached=everywhere(low, high, len(scale)))


def least_bits(neuron: NeuronConfig) -> int:
    """The narrowest state that holds all levels."""
    levels = [*neuron.bias, *neuron.reset_amount, *neuron.reset_value]
    levels += neuron.compare if neuron.fires else ()
    least = max(8, signed_bits(min(levels), max(levels)), neuron.decay.shift + 1)
    return least if neuron.floor is None else max(least, signed_bits(neuron.floor, 0))


def least_current_bits(current: Current) -> int:
    """The narrowest current that holds its bias."""
    return max(8, signed_bits(min(current.bias), max(current.bias)), current.decay.shift + 1)


def everywhere(low: int, high: int, size: int) -> Range:
    """One range for every neuron."""
    return np.full(size, low), np.full(size, high)


def ends(low: int, high: int, scale: Reals) -> str:
    """Both ends of a width in units of the real network, of the neuron with the least room."""
    return f"{low / scale.max():.4g} and {high / scale.max():.4g}"


def scale_text(scales: Reals) -> str:
    """A scale, or the least and the largest."""
    low, high = f"{scales.min():.6g}", f"{scales.max():.6g}"
    return low if low == high else f"{low}..{high}"
