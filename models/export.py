"""Writes a trained network as NIR, with what NIR does not carry as metadata of the graph.

The graph
---------
::

    nir.Input -> nir.Affine or nir.Linear -> nir.LIF, IF, LI or I -> ... -> nir.Output

- ``Input`` has the shape of the port. Every edge of the network is one ``Affine`` (the first edge into a
  population that has a bias) or ``Linear`` node of shape ``(size of target, size of source)``, named
  ``{source}_to_{target}``; every population is one neuron node under its own name.
- A convolution is a ``Conv2d`` of that name, with a ``SumPool2d`` before it where it pools; one whose kernel
  covers the whole source is a matrix after ``Flatten``. A delay is a ``Delay`` node; an edge that closes
  a cycle takes a step by itself.
- Weights, biases and levels are float64 in units of the float network and lie exactly on the integer grid
  of the training (see "Quantization"), so that reading them back cannot round to another integer.
- Forward Euler: ``decay = 1 - dt/tau``, so ``tau = dt/(1 - decay)``, ``r = tau/dt`` (a drive of 1 raises the
  potential by 1), ``v_leak = 0``. ``IF`` and ``I`` have ``r = 1`` and the semantics ``if_gain: r``.

The metadata
------------
``graph.metadata["spikewright"]`` is one string: a JSON object (HDF5 keeps it as it is). All keys are optional
for a reader except ``version``; a reader refuses versions it does not know. What stands under ``semantics``
has the keys and the values of a semantics file (the YAML of ``spikewright compile --semantics``).

============== =======================================================================================
``version``    1
``name``       name of the network
``semantics``  object: ``dt`` (s, float), ``integration`` ("euler" | "exponential"), ``if_gain`` ("dt*r": an
               IF gains ``dt * r * i`` in a step, "r": ``r * i``), ``reset`` ("subtract" | "zero": to
               ``v_reset``), ``reset_when`` ("now" | "next"), ``compare`` ("gt" | "ge"),
               ``max_spikes_per_step`` (int), ``v_min`` (float or null, of every population),
               ``decode`` ("count" | "potential_sum" | "potential_last" | "first_spike")
``inputs``     ``{name of Input node: {"kind": "drive" | "hold", "value_bits": int, "value_scale": float}}``;
               value_bits 0: spikes. A float value ``x`` comes in as ``round(x * value_scale)``.
               ``"max_events": int``, where an address brings several spikes in a step.
``coding``     how the network was fed in training: ``{"name": "direct" | "rate" | "latency" | "events",
               "steps": int, "seed": int}``; :func:`spikewright.models.coding.encode` turns a data set
               into the same input. Of event recordings also ``"bin_ms": float`` and, where it was asked for,
               ``"polarity": "separate" | "merge" | "on" | "off"``
``weight_bits`` int, 2..16: weights are integers of ``-(2**(weight_bits-1)) .. 2**(weight_bits-1) - 1``
``scales``     ``{name of neuron node: float}``: integer codes per 1.0 of the potential, chosen in training
``state_bits`` ``{name of neuron node: int}``
``decays``     ``{name of neuron node: {"kind": "none" | "shift" | "multiply", "shift": int, "factor": int,
               "fraction_bits": int}}``: the integer arithmetic that it was trained with; the float factor is
               1, ``1 - 2**-shift`` or ``factor / 2**fraction_bits``. Never exchanged for another.
============== =======================================================================================

``scales``, ``state_bits`` and ``decays`` stand together: they are there if the network was trained
quantization-aware, and then the compiler ends in the integers of the training. A compiler asked for other
``weight_bits`` quantizes after training and ignores the three.

Quantization
------------
With ``scale`` of the target population, ``value_scale`` of a valued input source (``value_bits > 0``) and 1
for spikes, ``round`` to the nearest integer (half to even, as NumPy and torch do):

- ``weights_int = round(w * scale / value_scale)``, clipped to ``weight_bits``
- ``bias_int = round(b * scale)``, ``reset_amount = round(threshold * scale)``,
  ``reset_value = round(v_reset * scale)``
- ``compare``: ``ceil(threshold * scale - 1e-6)`` for ge, ``floor(threshold * scale + 1e-6) + 1`` for gt.
  Our training chooses whole scales, so that a threshold of 1.0 is a level without rounding.
- ``floor = ceil(v_min * scale - 1e-6)``
"""

import itertools
import json
import os
from pathlib import Path
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np

from spikewright.errors import ConfigError
from spikewright.ir import RealNetwork, RealPopulation
from spikewright.models.export_synapses import edge_nodes
from spikewright.network import IntegerNetwork
from spikewright.neuron import Decay

__all__ = ["METADATA_KEY", "METADATA_VERSION", "metadata", "to_nir", "write_nir"]

METADATA_KEY = "spikewright"
METADATA_VERSION = 1


def to_nir(
    real: RealNetwork, integer: IntegerNetwork | None = None, *, coding: dict[str, Any] | None = None
) -> nir.NIRGraph:
    """The network as a NIR graph, with metadata.

    Parameters
    ----------
    real
        What to write.
    integer
        What quantization-aware training made of it: gives ``scales``, ``state_bits``, ``decays``.
    coding
        How it was fed in training.

    Raises
    ------
    ConfigError
        If NIR has no form for it: rules that differ between populations, a reset by something else than the
        threshold, or a population of which only some neurons decay.
    """
    nodes: dict[str, Any] = {port.name: nir.Input({"input": np.array(port.shape)}) for port in real.inputs}
    edges: list[tuple[str, str]] = []
    shapes = {port.name: port.shape for port in real.inputs}
    shapes |= {population.name: population.shape or (population.size,) for population in real.populations}
    order = [port.name for port in real.inputs] + [population.name for population in real.populations]
    for population in real.populations:
        bias = population.bias if population.bias.any() else None
        for edge in real.edges:
            if edge.target != population.name:
                continue
            closes = order.index(edge.source) >= order.index(edge.target)
            chain = edge_nodes(edge, bias, source=shapes[edge.source], dt=real.dt, closes_cycle=closes)
            nodes |= chain
            bias = None
            edges += itertools.pairwise([edge.source, *dict(chain), edge.target])
        if bias is not None:
            raise ConfigError(f"population {population.name!r}: a bias needs an edge to travel with in NIR")
        nodes[population.name] = _neurons(population, real.dt)
    for name in real.outputs:
        output = "output" if len(real.outputs) == 1 else f"output_{name}"
        nodes[output] = nir.Output({"output": np.array(shapes[name])})
        edges.append((name, output))
    document = json.dumps(metadata(real, integer, coding=coding), sort_keys=True)
    return nir.NIRGraph(nodes=nodes, edges=edges, metadata={METADATA_KEY: document})


def metadata(
    real: RealNetwork, integer: IntegerNetwork | None = None, *, coding: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What stands under :data:`METADATA_KEY`, as described above; arguments and errors of :func:`to_nir`."""
    firing = [population for population in real.populations if population.fires]
    rules = {(p.reset, p.reset_when, p.compare, p.max_spikes) for p in firing}
    floors = {population.v_min for population in real.populations}
    if len(rules) > 1 or len(floors) > 1:
        must = "reset, compare, max_spikes and v_min must be the same throughout in NIR"
        raise ConfigError(f"network {real.name!r}: {must}")
    reset, when, compare, most = rules.pop() if rules else ("subtract", "now", "ge", 1)
    document: dict[str, Any] = {
        "version": METADATA_VERSION,
        "name": real.name,
        "semantics": {
            "dt": real.dt,
            "integration": "euler",
            "if_gain": "r",
            "reset": "subtract" if reset == "subtract" else "zero",
            "reset_when": when,
            "compare": compare,
            "max_spikes_per_step": most,
            "v_min": floors.pop() if floors else None,
            "decode": real.decode,
        },
        "inputs": {
            port.name: {"kind": port.kind, "value_bits": port.value_bits, "value_scale": port.value_scale}
            | ({"max_events": port.max_events} if port.max_events > 1 else {})
            for port in real.inputs
        },
    }
    if coding is not None:
        document["coding"] = coding
    if integer is not None:
        document["weight_bits"] = integer.weight_bits
        document["scales"] = {p.name: p.scale for p in integer.populations}
        document["state_bits"] = {p.name: p.neuron.state_bits for p in integer.populations}
        document["decays"] = {p.name: _decay(p.neuron.decay) for p in integer.populations}
    return document


def write_nir(graph: nir.NIRGraph, path: Path) -> None:
    """Write the graph; the file is there whole or not at all."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        nir.write(temporary, graph)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _decay(decay: Decay) -> dict[str, int | str]:
    factor, bits = decay.factor[0], decay.fraction_bits
    return {"kind": decay.kind, "shift": decay.shift, "factor": factor, "fraction_bits": bits}


def _neurons(population: RealPopulation, dt: float) -> nir.NIRNode:
    shape = population.shape or (population.size,)
    ones = np.ones(shape)
    leaks = population.decay < 1
    if leaks.any() and not leaks.all():
        raise ConfigError(f"population {population.name!r}: all of its neurons must decay, or none, in NIR")
    subtracts = population.fires and population.reset == "subtract"
    if subtracts and (population.reset_amount != population.threshold).any():
        raise ConfigError(f"population {population.name!r}: reset_amount must be the threshold in NIR")
    levels = {
        "v_threshold": population.threshold.reshape(shape),
        "v_reset": population.reset_value.reshape(shape),
    }
    levels = levels if population.fires else {}
    if not leaks.any():
        return nir.IF(r=ones, **levels) if population.fires else nir.I(r=ones)
    tau = (dt / (1 - population.decay)).reshape(shape)
    leak = {"tau": tau, "r": tau / dt, "v_leak": 0 * ones}
    return nir.LIF(**leak, **levels) if population.fires else nir.LI(**leak)
