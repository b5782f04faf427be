"""Hand-made real networks of every form that quantization has to do with."""

from typing import Any

import numpy as np
import numpy.typing as npt

from spikewright.convolution import Convolution
from spikewright.ir import RealCurrent, RealEdge, RealNetwork, RealPopulation
from spikewright.network import InputPort

__all__ = ["dense", "pooled_convolution", "population", "recurrent_currents"]

LEVELS = {"decay": 0.9, "bias": 0.0, "threshold": 1.0, "reset_amount": 1.0, "reset_value": 0.0}
CONVOLUTION = Convolution(source=(2, 7, 6), target=(3, 3, 3), size=(2, 3), padding=(1, 1), pool=(2, 2))
Reals = npt.NDArray[np.float64]


def population(size: int, name: str = "p", *, fires: bool = True, **changes: Any) -> RealPopulation:
    """Neurons with the levels of :data:`LEVELS` but for changes, each one number or one for each."""
    arrays: dict[str, Any] = {
        key: np.broadcast_to(np.asarray(changes.pop(key, value), float), (size,)).copy()
        for key, value in LEVELS.items()
    }
    return RealPopulation(name=name, size=size, fires=fires, node=name, **arrays, **changes)


def dense(weights: Any, target: RealPopulation, **port: Any) -> RealNetwork:
    """One population that a matrix leads into."""
    matrix = np.asarray(weights, float)
    return RealNetwork(
        name="n",
        inputs=(InputPort(name="in", shape=(matrix.shape[1],), **port),),
        populations=(target,),
        edges=(RealEdge(source="in", target=target.name, weights=matrix, node="fc"),),
        outputs=(target.name,),
    )


def pooled_convolution(kernel: Reals, *, max_spikes: int = 1, max_events: int = 1) -> RealNetwork:
    """A padded convolution after a sum over windows, then a dense layer that gives potentials."""
    rng = np.random.default_rng(5)
    conv = population(27, "conv", shape=(3, 3, 3), max_spikes=max_spikes)
    readout = population(4, "out", fires=False)
    weights = rng.normal(0, 0.3, (4, 27))
    return RealNetwork(
        name="conv",
        inputs=(InputPort(name="in", shape=CONVOLUTION.source, max_events=max_events),),
        populations=(conv, readout),
        edges=(
            RealEdge(source="in", target="conv", weights=kernel, node="k", convolution=CONVOLUTION),
            RealEdge(source="conv", target="out", weights=weights, node="fc"),
        ),
        outputs=("out",),
        decode="potential_sum",
    )


def recurrent_currents(size: int = 6, seed: int = 3, **changes: Any) -> RealNetwork:
    """A population with synaptic currents that drives itself a step later, and a read-out with currents."""
    rng = np.random.default_rng(seed)
    hidden = population(
        size,
        "hidden",
        decay=rng.uniform(0.8, 0.95, size),
        reset="set",
        current=RealCurrent(decay=np.full(size, 0.7), bias=rng.normal(0, 0.02, size), **changes),
    )
    out = population(
        3, "out", fires=False, current=RealCurrent(decay=np.full(3, 0.5), bias=np.zeros(3), feeds="old")
    )
    return RealNetwork(
        name="recurrent",
        inputs=(InputPort(name="in", shape=(5,)),),
        populations=(hidden, out),
        edges=(
            RealEdge(source="in", target="hidden", weights=rng.normal(0.1, 0.4, (size, 5)), node="fc"),
            RealEdge(
                source="hidden",
                target="hidden",
                weights=rng.normal(0, 0.2, (size, size)),
                node="rec",
                delay=(1,),
            ),
            RealEdge(source="hidden", target="out", weights=rng.normal(0, 0.5, (3, size)), node="fc2"),
        ),
        outputs=("out",),
        decode="potential_sum",
    )
