"""What each framework means by the graphs that it exports: the table behind ``--source``.

NIR carries differential equations, not the step that was trained. Every row was read in the framework's
own source (files named beside it), for feed-forward LIF, IF and LI layers with default arguments.
"""

from dataclasses import dataclass, field
from typing import Any

from spikewright.errors import ConfigError

__all__ = ["FRAMEWORKS", "Framework", "framework"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Framework:
    """One framework.

    Parameters
    ----------
    semantics
        Values of the semantics' keys that it stands for.
    notes
        Where its graphs do not say which of its options was trained with, what is taken here.
    """

    semantics: dict[str, Any]
    notes: tuple[str, ...] = field(default=())


FRAMEWORKS: dict[str, Framework] = {
    # snntorch/export_nir.py: dt = 1e-4, tau = dt / (1 - beta), r = tau / dt. snntorch/_neurons/leaky.py:
    # mem = beta * mem + input - reset * threshold, reset from the mem of the step before (reset_delay=True);
    # surrogate.py: spike = (mem - threshold) > 0. reset_mechanism="zero" clears mem before it decays, which
    # fires as a reset at once does: `reset: zero, reset_when: now`.
    "snntorch": Framework(
        semantics={
            "dt": 1e-4,
            "integration": "euler",
            "if_gain": "dt*r",
            "reset": "subtract",
            "reset_when": "next",
            "compare": "gt",
            "max_spikes_per_step": 1,
        },
        notes=(
            "snntorch: taken with reset_mechanism='subtract', reset_delay=True, which its graphs do not"
            " say; for 'zero' give `reset: zero, reset_when: now`",
        ),
    ),
    # norse/torch/functional/lif_box.py: v += dt * tau_mem_inv * (i + v_leak - v), reset_value at once;
    # iaf.py: v += i, whatever dt; heaviside.py: data <= 0 gives 0; dt = 0.001 in all of them;
    # utils/export_nir.py: tau = 1 / tau_mem_inv, r = 1.
    "norse": Framework(
        semantics={
            "dt": 1e-3,
            "integration": "euler",
            "if_gain": "r",
            "reset": "zero",
            "reset_when": "now",
            "compare": "gt",
            "max_spikes_per_step": 1,
        },
    ),
    # sinabs/nir.py writes tau in time steps (tau_mem as it is) and r = 1, so a step is dt = 1 here.
    # layers/functional/lif.py: v = alpha * v + (1 - alpha) * i (norm_input), alpha = exp(-1 / tau_mem);
    # activation/spike_generation.py: SingleSpike v - threshold >= 0; reset_mechanism.py: MembraneSubtract.
    "sinabs": Framework(
        semantics={
            "dt": 1.0,
            "integration": "exponential",
            "if_gain": "r",
            "reset": "subtract",
            "reset_when": "now",
            "compare": "ge",
            "max_spikes_per_step": 1,
        },
        notes=(
            "sinabs: taken with spike_fn=SingleSpike and norm_input=True, which its graphs do not say; its"
            " default MultiSpike fires several spikes in a step",
        ),
    ),
    # spikingjelly/activation_based/nir_exchange/to_nir.py: dt = 1e-4, tau = tau * dt, r = 1 or tau
    # (decay_input), IF with r = 1 / dt; neuron LIFNode: v += (x - (v - v_reset)) / tau, hard reset at once;
    # surrogate.py: heaviside x >= 0.
    "spikingjelly": Framework(
        semantics={
            "dt": 1e-4,
            "integration": "euler",
            "if_gain": "dt*r",
            "reset": "zero",
            "reset_when": "now",
            "compare": "ge",
            "max_spikes_per_step": 1,
        },
        notes=(
            "spikingjelly: taken with a hard reset to v_reset; its graphs do not say where v_reset=None"
            " (soft reset) was trained: for that give `reset: subtract`",
        ),
    ),
    # rockpool/nn/modules/torch/lif_torch.py: decays exp(-dt / tau), vmem -= spikes * threshold at once;
    # torch/nir.py writes r = tau * exp(-dt / tau) / dt: the gain of a step is dt * r / tau although the decay
    # is exponential. dt = 1e-3 is the default of its modules; its import guesses it from r.
    "rockpool": Framework(
        semantics={
            "dt": 1e-3,
            "integration": "exponential",
            "leak_gain": "dt/tau",
            "if_gain": "dt*r",
            "reset": "subtract",
            "reset_when": "now",
            "compare": "ge",
            "max_spikes_per_step": 1,
        },
        notes=("rockpool: taken with one spike a step; its default fires several in a step",),
    ),
    # lava/proc/lif/models.py: v = v * (1 - dv) + u + bias, spike v > vth, v = 0 at once; the conversion of
    # the NIR paper (paper/nir_to_lava.py) takes dt = 1e-4, dv = dt / tau, weights times dt / tau, and IF
    # without dt.
    "lava": Framework(
        semantics={
            "dt": 1e-4,
            "integration": "euler",
            "if_gain": "r",
            "reset": "zero",
            "reset_when": "now",
            "compare": "gt",
            "max_spikes_per_step": 1,
        },
    ),
}


def framework(source: str) -> Framework:
    """The row of a framework by its name."""
    if source not in FRAMEWORKS:
        raise ConfigError(f"source must be one of {', '.join(FRAMEWORKS)}, not {source!r}")
    return FRAMEWORKS[source]
