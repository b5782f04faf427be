"""What each framework means by the graphs that it exports: the table behind ``--source``.

NIR carries differential equations, not the step that was trained. Every row was read in the framework's
own source (files named beside it), for layers with default arguments. What a row does not set is NIR's own
equation: of CubaLIF the new current feeds the potential, and drive goes into it times ``w_in * dt/tau_syn``.
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
    # surrogate.py: spike = (mem - threshold) > 0. reset_mechanism="zero" of Leaky clears mem before it
    # decays, which fires as a reset at once does; synaptic.py, rleaky.py and rsynaptic.py clear mem and input
    # in the step after: mem -= mem * reset. Synaptic: syn = alpha * syn + input, mem = beta * mem + syn, w_in
    # = tau_syn / dt. RLeaky and RSynaptic take recurrent(spk) of the step before, its bias in every step.
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
            " say; for 'zero' give `reset: zero`, with `reset_when: now` of Leaky or reset_delay=False; for"
            " 'none' give `reset: none`",
        ),
    ),
    # norse/torch/functional/lif_box.py: v += dt * tau_mem_inv * (i + v_leak - v), reset_value at once;
    # iaf.py: v += i, whatever dt; heaviside.py: data <= 0 gives 0; dt = 0.001 in all of them. lif.py
    # (CubaLIF): i_jump = i + input, dv = dt * tau_mem_inv * (v_leak - v + i_jump), i = i_jump * (1 - dt *
    # tau_syn_inv): the new current, and drive goes into it as it is. utils/export_nir.py: r = 1, no w_in, and
    # tau = 1 / tau_mem_inv, up to 1.1.0 multiplied by dt.
    "norse": Framework(
        semantics={
            "dt": 1e-3,
            "integration": "euler",
            "if_gain": "r",
            "current_gain": "w_in",
            "reset": "zero",
            "reset_when": "now",
            "compare": "gt",
            "max_spikes_per_step": 1,
        },
        notes=(
            "norse: 1.1.0 writes time constants multiplied by its dt (0.001): for its graphs give `dt: 1e-6`",
            "norse: starts at v_leak; here potentials start at 0",
        ),
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
            "sinabs: taken with spike_fn=SingleSpike, min_v_mem=None and norm_input=True, which its graphs do"
            " not say; for its default MultiSpike give `max_spikes_per_step: 255`, for min_v_mem `v_min`",
        ),
    ),
    # spikingjelly/activation_based/nir_exchange/to_nir.py: dt = 1e-4, tau = tau * dt, r = 1 or tau
    # (decay_input), IF with r = 1 / dt, CUBALIFNode with r = tau_mem / dt and w_in = tau_syn / dt.
    # neuron/lif.py: v += (x - (v - v_reset)) / tau, hard reset at once; lif_variants.py: c = c * c_decay + x,
    # then v = v * v_decay + c; surrogate.py: heaviside x >= 0; base_node.py: v is v_reset at first.
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
            " (soft reset) was trained, which 2.0.0 refuses to export: for that give `reset: subtract`",
            "spikingjelly: starts at v_reset; here potentials start at 0",
        ),
    ),
    # rockpool/nn/modules/torch/lif_torch.py: isyn = (isyn + x) * beta, vmem = alpha * vmem + isyn + bias,
    # decays exp(-dt / tau); lif_base_torch.py, StepPWL: floor(vmem / threshold) spikes at vmem >= threshold,
    # vmem -= spikes * threshold at once. lif_neuron_torch.py: vmem = alpha * vmem + x; exp_syn_torch.py (LI):
    # isyn = (isyn + x) * beta. torch/nir.py writes r = tau_mem * exp(-dt / tau_mem) / dt for all of them:
    # dt * r / tau is the gain of the last only. dt = 1e-3 is the default of its modules; its import guesses
    # it from r. No bias and no recurrent weights are written.
    "rockpool": Framework(
        semantics={
            "dt": 1e-3,
            "integration": "exponential",
            "leak_gain": "one",
            "if_gain": "dt*r",
            "current_gain": "decay",
            "reset": "subtract",
            "reset_when": "now",
            "compare": "ge",
            "max_spikes_per_step": 1,
        },
        notes=(
            "rockpool: taken with one spike a step; for its default give `max_spikes_per_step: 255`",
            "rockpool: its graphs have neither the bias nor the recurrent weights of LIFTorch",
        ),
    ),
    # lava/proc/lif/models.py: v = v * (1 - dv) + u + bias, spike v > vth, v = 0 at once; the conversion of
    # the NIR paper (paper/nir_to_lava.py) takes dt = 1e-4, dv = dt / tau, weights times dt / tau, and IF
    # without dt. Of lava-dl, which paper/lava_to_nir.py exports (r = tau_mem / dt, w_in = tau_syn / dt):
    # lava/lib/dl/slayer/neuron/cuba.py, u = u * (1 - du) + x, v = v * (1 - dv) + u, spike
    # v >= threshold + threshold_eps, v = 0 at once.
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
    # spyx/nn.py: spike = V > threshold of the step before, V = beta * V + x - spike * threshold; RLIF and RIF
    # add spike @ recurrent_w; axn.py: heaviside x > 0. spyx/nir.py: dt = 1, tau = dt / (1 - beta), no w_in,
    # r = beta, which no step has. Its graphs within graphs send what comes in to the recurrent weights.
    # CuBaLIF: I = alpha * I + x, V = beta * (V - reset) + I - reset; RCuBaLIF: V = beta * (V - reset) + I.
    "spyx": Framework(
        semantics={
            "dt": 1.0,
            "integration": "euler",
            "leak_gain": "one",
            "if_gain": "r",
            "current_gain": "w_in",
            "reset": "subtract",
            "reset_when": "next",
            "compare": "gt",
            "max_spikes_per_step": 1,
            "loop_input": "neurons",
        },
        notes=(
            "spyx: fires a step after its potential passed the threshold; here in that step",
            "spyx: for RCuBaLIF give `reset_when: now` (`nodes:` says it of one node); CuBaLIF takes the"
            " threshold off twice, by 1 and by beta, which is not followed here",
        ),
    ),
}


def framework(source: str) -> Framework:
    """The row of a framework by its name."""
    if source not in FRAMEWORKS:
        raise ConfigError(f"source must be one of {', '.join(FRAMEWORKS)}, not {source!r}")
    return FRAMEWORKS[source]
