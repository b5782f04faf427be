"""Whole networks as Norse and sinabs export them, against themselves, where they are installed."""

import warnings
from typing import Any

import numpy as np
import pytest
import torch

from spikewright.compiler.reader import read_network
from spikewright.compiler.semantics import parse_semantics, resolve_semantics
from spikewright.ir import RealNetwork
from spikewright.models.real import RealModel

STEPS = 60


def linear(sources: int, targets: int, scale: float = 1.0) -> torch.nn.Linear:
    torch.manual_seed(sources + targets)
    layer = torch.nn.Linear(sources, targets)
    layer.weight.data = scale * (torch.randn(targets, sources) / 2 + 0.1)
    return layer


def record(modules: dict[str, Any]) -> dict[str, list[Any]]:
    """Lists that fill with the first output of each module as it runs."""
    outputs: dict[str, list[Any]] = {name: [] for name in modules}
    for name, module in modules.items():

        def keep(_module: Any, _inputs: Any, out: Any, name: str = name) -> None:
            first = out[0] if isinstance(out, tuple) else out
            outputs[name].append(first.detach().numpy().reshape(len(first), -1))

        module.register_forward_hook(keep)
    return outputs


def read(graph: Any, source: str, **keys: Any) -> RealNetwork:
    return read_network(graph, resolve_semantics(parse_semantics(keys, "test"), source))


def compare(network: RealNetwork, spikes: Any, expected: dict[str, Any]) -> None:
    """All spikes and counts the same; read-outs to the rounding of float64."""
    trace = RealModel(network).run({"input": spikes[None].astype(float)})
    assert {*trace.spikes, *trace.readouts} == set(expected)
    for name, fired in trace.spikes.items():
        assert 0.02 < np.mean(expected[name] > 0) < 0.9, f"{name} must fire and stay silent"
        assert int((fired[0] != expected[name]).sum()) == 0, name
    for name, potentials in trace.readouts.items():
        np.testing.assert_allclose(potentials[0], expected[name], rtol=1e-9, atol=1e-12)


def test_norse() -> None:
    """LIFCell (a CubaLIF), LIFBoxCell, IAFCell and LIBoxCell."""
    norse = pytest.importorskip("norse.torch")
    iaf_parameters = pytest.importorskip("norse.torch.functional.iaf").IAFParameters
    to_nir = pytest.importorskip("norse.torch.utils.export_nir").to_nir

    def numbers(size: int, low: float, high: float) -> torch.Tensor:
        return torch.linspace(low, high, size).double()

    net = norse.SequentialState(
        linear(12, 20),
        norse.LIFCell(
            norse.LIFParameters(
                tau_syn_inv=numbers(20, 100, 600),
                tau_mem_inv=numbers(20, 50, 500),
                v_leak=numbers(20, 0, 0),
                v_th=numbers(20, 0.5, 1.0),
            )
        ),
        linear(20, 9, 2.0),
        norse.LIFBoxCell(
            norse.LIFBoxParameters(
                tau_mem_inv=numbers(9, 100, 500), v_leak=numbers(9, 0, 0), v_th=numbers(9, 0.1, 0.3)
            )
        ),
        linear(9, 6),
        norse.IAFCell(iaf_parameters(v_th=numbers(6, 0.5, 1.5))),
        linear(6, 3),
        norse.LIBoxCell(norse.LIBoxParameters(tau_mem_inv=numbers(3, 100, 500), v_leak=numbers(3, 0, 0))),
    ).double()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = to_nir(net, torch.zeros(1, 12, dtype=torch.float64))
    spikes = np.random.default_rng(1).random((STEPS, 12)) < 0.3
    outputs = record({name: net.get_submodule(name) for name in ("1", "3", "5", "7")})
    state = None
    with torch.no_grad():
        for now in torch.tensor(spikes).double():
            _, state = net(now[None], state)
    compare(read(graph, "norse", dt=1e-6), spikes, {name: np.concatenate(o) for name, o in outputs.items()})


@pytest.mark.parametrize(
    ("spike_fn", "floor"), [("SingleSpike", None), ("MultiSpike", None), ("MultiSpike", -1.0)]
)
def test_sinabs(spike_fn: str, floor: float | None) -> None:
    """Convolutions, sums over windows, IAF and LIF; several spikes in a step, and counts that come in."""
    activation = pytest.importorskip("sinabs.activation")
    sl, to_nir = pytest.importorskip("sinabs.layers"), pytest.importorskip("sinabs.nir").to_nir

    fires = getattr(activation, spike_fn)
    options = {"batch_size": 1, "spike_fn": fires, "min_v_mem": floor}
    torch.manual_seed(1)
    net = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1, bias=False),
        sl.IAFSqueeze(**options, spike_threshold=torch.tensor(1.0)),
        sl.SumPool2d(2),
        torch.nn.Conv2d(4, 3, 3, stride=2, padding=1),
        sl.IAFSqueeze(**options, spike_threshold=torch.tensor(0.7)),
        torch.nn.Flatten(),
        linear(12, 5, 2.0),
        sl.LIFSqueeze(**options, tau_mem=torch.linspace(2, 9, 5), spike_threshold=torch.full((5,), 0.6)),
    )
    shape = (2, 8, 8)
    net(torch.rand(1, *shape))  # shapes its states
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        graph = to_nir(net, torch.zeros(1, *shape))
    module: Any
    for module in net.double():
        if hasattr(module, "reset_states"):
            module.reset_states()
            module.register_forward_hook(lambda _module, _inputs, out: out.double())  # its spikes are float32
    counts = np.random.default_rng(1).poisson(0.3, (STEPS, *shape))
    outputs = record({name: net.get_submodule(name) for name in ("1", "4", "7")})
    with torch.no_grad():
        net(torch.tensor(counts).double())
    keys: dict[str, Any] = {"max_spikes_per_step": 1 if spike_fn == "SingleSpike" else 255, "v_min": floor}
    network = read(graph, "sinabs", inputs={"input": {"max_events": 15}}, **keys)
    expected = {name: out[-1] for name, out in outputs.items()}
    assert spike_fn == "SingleSpike" or max(out.max() for out in expected.values()) > 1
    compare(network, counts, expected)
