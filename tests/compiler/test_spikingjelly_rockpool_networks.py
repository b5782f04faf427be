"""Whole networks as SpikingJelly and Rockpool export them, against themselves, where they are installed."""

from typing import Any

import numpy as np
import pytest
import torch

from spikewright.compiler.reader import read_network
from spikewright.compiler.semantics import parse_semantics, resolve_semantics
from spikewright.models.real import RealModel

STEPS = 80


def compare(graph: Any, source: str, x: Any, expected: dict[str, Any], **keys: Any) -> Any:
    """All spikes of all layers the same; gives the read-outs."""
    network = read_network(graph, resolve_semantics(parse_semantics(keys, "test"), source))
    trace = RealModel(network).run({network.inputs[0].name: x[None].astype(float)})
    assert set(trace.spikes) == set(expected)
    for name, fired in trace.spikes.items():
        assert 0.02 < np.mean(expected[name] > 0) < 0.98, f"{name} must fire and stay silent"
        assert int((fired[0] != expected[name]).sum()) == 0, name
    return trace.readouts


@pytest.mark.filterwarnings("ignore")
def test_spikingjelly() -> None:
    """Convolutions, pooling and every kind of neuron that it exports."""
    neuron = pytest.importorskip("spikingjelly.activation_based.neuron")
    exchange = pytest.importorskip("spikingjelly.activation_based.nir_exchange.to_nir")
    torch.manual_seed(0)
    net: Any = torch.nn.Sequential(
        torch.nn.Conv2d(2, 4, 3, padding=1),
        neuron.IFNode(),
        torch.nn.AvgPool2d(2),
        torch.nn.Conv2d(4, 3, 3),
        neuron.LIFNode(tau=3.0, decay_input=False, v_threshold=0.5, v_reset=0.0),
        torch.nn.Flatten(),
        torch.nn.Linear(12, 10),
        neuron.LIFNode(tau=2.0, v_threshold=0.2, v_reset=-0.1),
        torch.nn.Linear(10, 9),
        neuron.CUBALIFNode(c_decay=0.5, v_decay=0.75, v_threshold=0.6, v_reset=0.0),
        torch.nn.Linear(9, 7),
        neuron.ParametricLIFNode(init_tau=2.5, v_threshold=0.2),
    ).double()
    for module in net:
        if hasattr(module, "weight"):
            module.weight.data, module.bias.data = 3 * module.weight.data, module.bias.data.abs()
    graph = exchange.export_to_nir(net, torch.zeros(1, 2, 8, 8).double())
    expected: dict[str, list[Any]] = {}
    for index, module in enumerate(net):
        if "Node" in type(module).__name__:
            module.reset()
            expected[f"_{index}"] = []
            module.register_forward_hook(
                lambda _m, _i, out, to=expected[f"_{index}"]: to.append(out.detach().numpy().ravel())
            )
    net[7].v = 0.0  # as potentials start here; its own is at v_reset
    x = np.random.default_rng(0).random((STEPS, 2, 8, 8)) < 0.3
    with torch.no_grad():
        for now in torch.tensor(x).double():
            net(now[None])
    compare(graph, "spikingjelly", x, {name: np.array(fired) for name, fired in expected.items()})


@pytest.mark.filterwarnings("ignore")
def test_rockpool() -> None:
    """Neurons with and without a current, several spikes a step, and a synapse alone, which is an LI."""
    modules = pytest.importorskip("rockpool.nn.modules.torch")
    combinators = pytest.importorskip("rockpool.nn.combinators")
    exchange = pytest.importorskip("rockpool.nn.modules.torch.nir")
    torch.manual_seed(0)
    net = combinators.Sequential(
        modules.LinearTorch((12, 20), has_bias=False),
        modules.LIFTorch(
            20,
            tau_mem=torch.linspace(0.005, 0.03, 20),
            tau_syn=torch.linspace(0.002, 0.02, 20)[:, None],
            threshold=torch.linspace(0.5, 1.5, 20),
        ),
        modules.LinearTorch((20, 8), has_bias=True),
        modules.LIFNeuronTorch(8, tau_mem=torch.tensor(0.01)),
        modules.LinearTorch((8, 5)),
        modules.ExpSynTorch(5, tau=torch.tensor(0.01)),
    )
    graph = exchange.to_nir(net)
    net.reset_state()  # the export runs it
    x = np.random.default_rng(0).random((STEPS, 12)) < 0.1
    out, _, record = net(torch.tensor(x).float()[None], record=True)
    fired = ("1_LIFTorch", "3_LIFNeuronTorch")
    expected = {name: record[f"{name}_output"].detach().numpy()[0] for name in fired}
    (potentials,) = compare(graph, "rockpool", x, expected, max_spikes_per_step=255).values()
    np.testing.assert_allclose(potentials[0], out.detach().numpy()[0], rtol=1e-4, atol=1e-4)
