"""Integer levels of one population at a given scale, and how wide its state must be."""

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from spikewright.compiler.bounds import Range, reachable_potential
from spikewright.errors import ConfigError
from spikewright.fixed import signed_bits, signed_range
from spikewright.ir import RealPopulation
from spikewright.neuron import Decay, Levels, NeuronConfig

__all__ = ["LevelsOverflowError", "choose_state_bits", "population_neuron"]

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
class StateChoice:
    """A state width and a line that says why."""

    bits: int
    note: str


def population_neuron(
    population: RealPopulation, scale: float, decay: Decay, state_bits: int
) -> NeuronConfig:
    """Arithmetic of a population whose real 1.0 is ``scale`` codes.

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
                f"{population.name}: {what} {real[worst]:g} is level {codes[worst]:.0f} at scale {scale:.6g},"
                f" and levels of {state_bits}-bit states must be in {first}..{last}"
            )

    fits("bias", population.bias, bias, low, high)
    floor = None
    if population.v_min is not None:
        if population.v_min > 0:
            raise ConfigError(f"{population.name}: v_min must be 0 or below, not {population.v_min:g}")
        floor = max(low, int(np.ceil(population.v_min * scale - SLACK)))
    bottom = low if floor is None else floor
    if not population.fires:
        return NeuronConfig(
            fires=False, state_bits=state_bits, decay=decay, bias=one_or_each(bias), floor=floor
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
    )


def one_or_each(codes: Reals) -> Levels:
    """One level where all are equal."""
    levels = tuple(int(code) for code in codes)
    return levels[:1] if len(set(levels)) == 1 else levels


def choose_state_bits(neuron: NeuronConfig, drive: Range, name: str, scale: float) -> StateChoice:
    """State width where none is asked for.

    As few bits as provably never saturate. Where that is more than a firing population is worth, 16 bits
    or four above its largest level; one that does not fire takes up to 24, since nothing resets it.

    Parameters
    ----------
    neuron
        Arithmetic at the widest state.
    drive
        Range of drive and held drive of a step.
    """
    levels = [*neuron.bias, *neuron.reset_amount, *neuron.reset_value]
    levels += neuron.compare if neuron.fires else ()
    least = max(8, signed_bits(min(levels), max(levels)), neuron.decay.shift + 1)
    if neuron.floor is not None:
        least = max(least, signed_bits(neuron.floor, 0))
    reached = reachable_potential(neuron, drive, 1 << (WIDEST - 1))
    proven = WIDEST + 1
    if reached is not None:
        lowest = int(reached[0].min()) if neuron.floor is None else neuron.floor
        proven = max(least, signed_bits(min(lowest, 0), max(int(reached[1].max()), 0)))
    cap = max(COMFORTABLE, least + HEADROOM) if neuron.fires else WIDEST
    bits = min(proven, cap, WIDEST)
    low, high = replace(neuron, state_bits=bits).potential_range
    if bits == proven:
        return StateChoice(bits=bits, note=f"{name}: {bits}-bit states, proven never to saturate")
    ends = f"{low / scale:.4g} and {high / scale:.4g}"
    return StateChoice(bits=bits, note=f"{name}: {bits}-bit states: potentials saturate at {ends}")
