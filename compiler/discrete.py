"""From differential equations to the step of one neuron node: decay, gain of the drive, levels."""

from dataclasses import dataclass
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

from spikewright.compiler.nodes import FIRING, LARGEST, array, type_name
from spikewright.compiler.semantics import Semantics
from spikewright.errors import ConfigError

__all__ = ["Step", "discretise"]

Reals = npt.NDArray[np.float64]

ROUNDING = 2e-6
"""What float32 parameters (a tau, an r computed from a decay) may be off, relative to 1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """One neuron node made discrete: ``v = decay * v + gain * i + bias``; arrays ``(size,)``."""

    decay: Reals
    gain: Reals
    bias: Reals
    threshold: Reals
    reset_value: Reals
    note: str


def discretise(name: str, node: Any, size: int, semantics: Semantics) -> Step:
    """Step of a LIF, IF, LI or I node of ``size`` neurons; scalar parameters count for all of them."""

    def parameter(what: str) -> Reals:
        values = array(name, what, getattr(node, what)).ravel()
        if len(values) not in (1, size):
            raise ConfigError(f"{name}: {what} must have 1 or {size} values, not {len(values)}")
        return np.broadcast_to(values, (size,)).copy()

    if semantics.dt > LARGEST:
        raise ConfigError(f"semantics: dt must be at most {LARGEST:g}, not {semantics.dt:g}")
    resistance = parameter("r")
    zeros = np.zeros(size)
    dt = semantics.dt
    if isinstance(node, (nir.LIF, nir.LI)):
        tau = parameter("tau")
        decay = leak(name, tau, semantics)
        through = dt / tau if semantics.leak_gain == "dt/tau" else 1.0 - decay
        if semantics.integration == "euler":
            through = dt / tau  # 1 - decay, without its rounding
        gain, bias = through * resistance, (1.0 - decay) * parameter("v_leak")
        times = f"tau {span(tau)} s, "
    else:
        decay, bias = np.ones(size), zeros
        gain = resistance * dt if semantics.if_gain == "dt*r" else resistance
        times = ""
    gain = np.where(np.abs(gain - 1.0) <= ROUNDING, 1.0, gain)
    fires = isinstance(node, FIRING)
    return Step(
        decay=decay,
        gain=gain,
        bias=bias,
        threshold=parameter("v_threshold") if fires else zeros,
        reset_value=parameter("v_reset") if fires else zeros,
        note=f"{name}: {type_name(node)}, {times}dt {dt:g} s: decay {span(decay)}, drive gain {span(gain)}",
    )


def leak(name: str, tau: Reals, semantics: Semantics) -> Reals:
    """Decay factor of a step, in [0, 1); anything else is refused."""
    dt = semantics.dt
    worst = int(np.argmin(tau))
    if tau[worst] < 1 / LARGEST:
        raise ConfigError(f"{name}: tau must be above 0, not {tau[worst]:g}")
    if semantics.integration == "exponential":
        decay, formula = np.exp(-dt / tau), "exp(-dt/tau)"
    else:
        decay, formula = 1.0 - dt / tau, "1 - dt/tau"
        decay = np.where((decay < 0) & (decay > -ROUNDING), 0.0, decay)
    if decay.max() >= 1:
        worst = int(np.argmax(tau))
        fits = f"a dt of {tau[worst] * 1e-3:.3g} would fit, or an IF node, which does not decay"
    elif decay.min() < 0:
        fits = f"a dt up to {tau[worst]:.6g} would fit"
    else:
        return decay
    raise ConfigError(
        f"{name}: decay {formula} must be in [0, 1), not {decay[worst]:.6g}: tau is {tau[worst]:g} s and"
        f" dt is {dt:g} s; {fits}"
    )


def span(values: Reals) -> str:
    """One value, or from where to where they go."""
    low, high = float(values.min()), float(values.max())
    return f"{low:.6g}" if f"{low:.6g}" == f"{high:.6g}" else f"{low:.6g}..{high:.6g}"
