"""Writes a trained network as NIR, with what NIR does not carry as metadata of the graph.

The graph
---------
::

    nir.Input -> nir.Affine or nir.Linear -> nir.LIF, IF, LI or I -> ... -> nir.Output

- ``Input`` has the shape of the port. Every edge of the network is one ``Affine`` (the first edge into a
  population that has a bias) or ``Linear`` node of shape ``(size of target, size of source)``, named
  ``{source}_to_{target}``; every population is one neuron node under its own name.
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
               ``v_reset``), ``reset_when`` ("now" | "next"), ``compare`` ("gt" | "ge"), ``max_spikes_per_step`` (int),
               ``v_min`` (float or null), ``decode`` ("count" | "potential_sum" | "potential_last" |
               "first_spike")
``inputs``     ``{name of Input node: {"kind": "drive" | "hold", "value_bits": int, "value_scale": float}}``;
               value_bits 0: spikes. A float value ``x`` comes in as ``round(x * value_scale)``.
``coding``     how the network was fed in training: ``{"name": "direct" | "rate" | "latency", "steps": int,
               "seed": int}``; :func:`spikewright.models.coding.encode` turns a data set into the same input
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
  Our training chooses scales for which ``threshold * scale`` is an integer, without rounding.
- ``floor = ceil(v_min * scale - 1e-6)``
"""
