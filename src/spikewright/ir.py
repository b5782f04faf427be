"""The real-valued network: a NIR graph made discrete in time, one normal form for every framework.

In a step a population computes ``u = decay * v + sum(weights @ s) + bias`` (gains and time constants are
folded in), compares, fires and resets as docs/numerics.md says, in real numbers.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from spikewright.convolution import Convolution
from spikewright.network import Decode, InputPort
from spikewright.neuron import Levels

__all__ = ["RealCurrent", "RealEdge", "RealNetwork", "RealPopulation"]

Reals = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RealCurrent:
    """A synaptic current of each neuron, in the unit of the potential: ``j = decay * j + drive + bias``.

    ``feeds``: ``u = decay * v + j + bias`` takes the ``new`` current, or the ``old`` one of the step before.
    Arrays ``(size,)``.
    """

    decay: Reals
    bias: Reals
    feeds: Literal["new", "old"] = "new"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RealPopulation:
    """Neurons of one NIR node; every array has shape ``(size,)``.

    Parameters
    ----------
    decay
        Factor of a step, in [0, 1]; 1 throughout for IF and I.
    threshold, reset_amount, reset_value
        Level of the comparison, what reset ``subtract`` takes off, what reset ``set`` leaves.
    compare
        ``gt`` fires where ``u > threshold``, ``ge`` where ``u >= threshold``.
    node
        Name of the NIR node that it was read from.
    shape
        Shape whose C order counts the neurons, where it is not ``(size,)``.
    current
        A synaptic current between drive and potential, where there is one.
    """

    name: str
    size: int
    fires: bool
    decay: Reals
    bias: Reals
    threshold: Reals
    reset_amount: Reals
    reset_value: Reals
    compare: Literal["gt", "ge"] = "ge"
    reset: Literal["subtract", "set"] = "subtract"
    reset_when: Literal["now", "next"] = "now"
    max_spikes: int = 1
    v_min: float | None = None
    node: str = ""
    shape: tuple[int, ...] = ()
    current: RealCurrent | None = None


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RealEdge:
    """Synapses of one or more NIR nodes; fields as of :class:`spikewright.network.Edge`."""

    source: str
    target: str
    weights: Reals
    node: str = ""
    convolution: Convolution | None = None
    delay: Levels = (0,)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class RealNetwork:
    """A network with real weights; ``populations`` stand in topological order but for delayed edges."""

    name: str
    inputs: tuple[InputPort, ...]
    populations: tuple[RealPopulation, ...]
    edges: tuple[RealEdge, ...]
    outputs: tuple[str, ...]
    decode: Decode = "count"
    dt: float = 1e-3
    notes: tuple[str, ...] = ()
