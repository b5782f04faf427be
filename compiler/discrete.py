"""From differential equations to the step of one neuron node: decays, gain of the drive, levels."""

from dataclasses import dataclass
from math import prod
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import numpy.typing as npt

from spikewright.compiler.nodes import FIRING, LARGEST, array, each, type_name
from spikewright.compiler.semantics import Semantics
from spikewright.errors import ConfigError
from spikewright.ir import RealCurrent

__all__ = ["Parameters", "Step", "discretise"]

Reals = npt.NDArray[np.float64]

ROUNDING = 2e-6
"""What float32 parameters (a tau, an r computed from a decay) may be off, relative to 1."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Step:
    """One neuron node made discrete: ``v = decay * v + gain * i + bias``; arrays ``(size,)``.

    With a current, ``gain * i`` goes into that, and that into ``v`` as it is.
    """

    decay: Reals
    gain: Reals
    bias: Reals
    threshold: Reals
    reset_value: Reals
    current: RealCurrent | None
    notes: tuple[str, ...]


class Parameters:
    """Parameters of a neuron node: one for all, one for each neuron, or one for each channel.

    Parameters
    ----------
    shape
        Of the neurons.
    """

    def __init__(self, name: str, node: Any, shape: tuple[int, ...]) -> None:
        self.name, self.node, self.shape = name, node, shape
        self.size = prod(shape)
        self.shared: dict[str, list[str]] = {}

    def __call__(self, what: str) -> Reals:
        """One parameter, ``(size,)``."""
        value = getattr(self.node, what)
        value = 0.0 if value is None else value
        values = each(self.name, what, value, self.shape, channels=True)
        given = array(self.name, what, value).size
        if given < self.size:
            of = "all neurons" if given == 1 else \
                "the neurons of each channel" if given == self.shape[0] else "groups of neurons"
            self.shared.setdefault(of, []).append(what)
        return values

    def notes(self) -> tuple[str, ...]:
        """Where one value stands for several neurons."""
        return tuple(f"{self.name}: one {', '.join(what)} for {of}" for of, what in self.shared.items())


def discretise(name: str, node: Any, shape: tuple[int, ...], semantics: Semantics) -> Step:
    """Step of the neurons of one node."""
    if semantics.dt > LARGEST:
        raise ConfigError(f"semantics: dt must be at most {LARGEST:g}, not {semantics.dt:g}")
    parameter = Parameters(name, node, shape)
    zeros = np.zeros(parameter.size)
    decay, gain, bias, current, times = np.ones(parameter.size), zeros + 1.0, zeros, None, ""
    if isinstance(node, nir.LIF | nir.LI):
        tau = parameter("tau")
        decay, through = leak(name, "tau", tau, semantics)
        as_it_is = semantics.leak_gain == "one" and isinstance(node, nir.LIF)
        gain = zeros + 1.0 if as_it_is else through * parameter("r")
        bias = (1.0 - decay) * parameter("v_leak")
        times = f"tau {span(tau)} s, "
    elif isinstance(node, nir.CubaLIF | nir.CubaLI):
        tau, tau_syn = parameter("tau_mem"), parameter("tau_syn")
        decay, through = leak(name, "tau_mem", tau, semantics)
        decay_syn, jump = leak(name, "tau_syn", tau_syn, semantics)
        jump = np.ones_like(jump) if semantics.current_gain == "w_in" else jump
        if semantics.current_gain == "decay":
            gain = decay_syn
        else:
            through = zeros + 1.0 if semantics.leak_gain == "one" else through * parameter("r")
            gain = unit(through) * unit(jump * parameter("w_in"))
        bias = (1.0 - decay) * parameter("v_leak")
        feeds = "new" if semantics.cuba_order == "current_first" else "old"
        current = RealCurrent(decay=decay_syn, bias=zeros, feeds=feeds)  # type: ignore[arg-type]
        times = f"tau_syn {span(tau_syn)} s, tau_mem {span(tau)} s, "
    elif isinstance(node, nir.Threshold):
        decay = zeros
    else:
        resistance = parameter("r")
        gain = resistance * semantics.dt if semantics.if_gain == "dt*r" else resistance
    gain = unit(gain)
    fires = isinstance(node, FIRING)
    compares = isinstance(node, nir.Threshold)
    threshold = parameter("threshold") if compares else parameter("v_threshold") if fires else zeros
    reset_value = parameter("v_reset") if fires and not compares else zeros
    decays = f"decay {span(decay)}" if current is None else f"decays {span(current.decay)} and {span(decay)}"
    told = f"{name}: {type_name(node)}, {times}dt {semantics.dt:g} s: {decays}, drive gain {span(gain)}"
    return Step(
        decay=decay,
        gain=gain,
        bias=bias,
        threshold=threshold,
        reset_value=reset_value,
        current=current,
        notes=(told, *parameter.notes()),
    )


def unit(gain: Reals) -> Reals:
    """A gain that float32 made something beside 1 is 1."""
    return np.where(np.abs(gain - 1.0) <= ROUNDING, 1.0, gain)


def leak(name: str, what: str, tau: Reals, semantics: Semantics) -> tuple[Reals, Reals]:
    """Decay factor of a step, in [0, 1), anything else is refused; and what its drive is multiplied by."""
    dt = semantics.dt
    worst = int(np.argmin(tau))
    if tau[worst] < 1 / LARGEST:
        raise ConfigError(f"{name}: {what} must be above 0, not {tau[worst]:g}")
    euler = semantics.integration == "euler"
    if euler:
        decay, formula = 1.0 - dt / tau, f"1 - dt/{what}"
        decay = np.where((decay < 0) & (decay > -ROUNDING), 0.0, decay)
    else:
        decay, formula = np.exp(-dt / tau), f"exp(-dt/{what})"
    if decay.max() >= 1:
        worst = int(np.argmax(tau))
        fits = f"a dt of {tau[worst] * 1e-3:.3g} would fit, or an IF node, which does not decay"
    elif decay.min() < 0:
        fits = f"a dt up to {tau[worst]:.6g} would fit"
    else:
        # With Euler dt/tau is 1 - decay, without its rounding.
        return decay, 1.0 - decay if not euler and semantics.leak_gain == "integrated" else dt / tau
    raise ConfigError(
        f"{name}: decay {formula} must be in [0, 1), not {decay[worst]:.6g}: {what} is {tau[worst]:g} s and"
        f" dt is {dt:g} s; {fits}"
    )


def span(values: Reals) -> str:
    """One value, or from where to where they go."""
    low, high = float(values.min()), float(values.max())
    return f"{low:.6g}" if f"{low:.6g}" == f"{high:.6g}" else f"{low:.6g}..{high:.6g}"
