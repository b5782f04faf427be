"""Which integer decay stands for a real factor."""

from typing import Literal

import numpy as np
import numpy.typing as npt

from spikewright.compiler.semantics import DecaySpec
from spikewright.errors import ConfigError
from spikewright.ir import RealPopulation
from spikewright.neuron import Decay

__all__ = ["choose_current_decay", "choose_decay", "decay_text", "real_factor"]

Reals = npt.NDArray[np.float64]

EXACT = 1e-6
"""What a leak may be off, relative to itself, and still count as a power of two: float32 rounds tau."""

LEAK_ERROR = 1 / 512
"""What a multiplied decay may miss of the leak ``1 - factor``; time constants come out within 0.2 %."""


def choose_decay(
    population: RealPopulation, asked: DecaySpec | None = None, *, trained: bool = False
) -> tuple[Decay, str]:
    """The decay of a population, and a line that says which it is.

    None where the factor is 1, a shift where it is exactly ``1 - 2**-k`` or where it is asked for, else a
    multiplication with as few fraction bits as come close enough, one factor for all neurons or one for each.

    Parameters
    ----------
    asked
        What the semantics or the training say.
    trained
        Whether ``asked`` is the training's own: then it must be the real factor.
    """
    if asked is not None:
        decay = asked.decay()
        off = float(np.abs(real_factor(decay) - population.decay).max())
        if off > EXACT and trained:
            was, now = float(real_factor(decay)[0]), float(population.decay[0])
            raise ConfigError(
                f"{population.name}: trained with decay {was:.6g}, and these semantics make it {now:.6g}:"
                " take the semantics of the training"
            )
        told = f"{population.name}: decay {decay_text(decay)}, as {'trained' if trained else 'asked'}"
        return decay, told + (f"; the network's own is off by up to {off:.2g}" if off > EXACT else "")
    return nearest(population.decay, f"{population.name}: decay")


def choose_current_decay(population: RealPopulation) -> tuple[Decay, str]:
    """The decay of a population's synaptic current, chosen likewise, and a line that says which it is."""
    assert population.current is not None  # asked only of populations with one
    return nearest(population.current.decay, f"{population.name}: decay of the current")


def nearest(factors: Reals, what: str) -> tuple[Decay, str]:
    """The decay that stands for real factors, and a line about it that begins with ``what``."""
    if (factors == 1).all():
        return Decay(), f"{what} {decay_text(Decay())}"
    shift = exact_shift(factors)
    decay = Decay(kind="shift", shift=shift) if shift is not None else multiplication(factors)
    note = f"{what} {decay_text(decay)}"
    if decay.kind == "multiply" and max(decay.factor) == 1 << decay.fraction_bits and factors.max() < 1:
        note = f"WARNING: {note}: {factors.max():.8g} is nearer to 1 than {decay.fraction_bits} bits can tell"
    return decay, note


def exact_shift(factors: Reals) -> int | None:
    """``k`` where every factor is ``1 - 2**-k``."""
    leak = 1.0 - factors
    if leak.min() <= 0:
        return None
    shift = round(-np.log2(leak[0]))
    exact = 0 <= shift < 24 and (np.abs(leak * 2.0**shift - 1.0) <= EXACT).all()
    return shift if exact else None


def multiplication(factors: Reals) -> Decay:
    """A multiplied decay."""
    codes = np.zeros_like(factors)
    fraction_bits = 0
    for fraction_bits in range(1, 17):
        codes = np.rint(factors * 2.0**fraction_bits)
        if (np.abs(codes * 2.0**-fraction_bits - factors) <= LEAK_ERROR * (1.0 - factors)).all():
            break
    levels = tuple(int(code) for code in codes)
    return Decay(
        kind="multiply", factor=levels[:1] if len(set(levels)) == 1 else levels, fraction_bits=fraction_bits
    )


def real_factor(decay: Decay) -> Reals:
    """What a decay multiplies by, in real numbers."""
    if decay.kind == "shift":
        return np.array([1.0 - 2.0**-decay.shift])
    if decay.kind == "multiply":
        return np.array(decay.factor) * 2.0**-decay.fraction_bits
    return np.ones(1)


def decay_text(decay: Decay) -> str:
    """A decay as formula."""
    kind: Literal["none", "shift", "multiply"] = decay.kind
    if kind == "none":
        return "none"
    if kind == "shift":
        return f"v - (v >> {decay.shift}), exactly {float(real_factor(decay)[0]):.6g}"
    low, high = min(decay.factor), max(decay.factor)
    factor = f"{low}" if low == high else f"{low}..{high} by neuron"
    return f"(v * {factor}) >> {decay.fraction_bits}, about {real_factor(decay).mean():.6g}"
