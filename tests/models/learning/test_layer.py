"""Layers on their own: normalisations folded away, and integers that are the integer model's."""

import io
import itertools
from typing import Any

import numpy as np
import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models.coding import real_input
from spikewright.models.integer import IntegerModel
from spikewright.models.learning.build import stack_layers
from spikewright.models.learning.layer import SpikingLayer
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.learning.training import options_of, train
from spikewright.models.neurons import NeuronRule
from spikewright.models.real import RealModel
from spikewright.network import InputPort
from spikewright.neuron import Decay

SHIFT = Decay(kind="shift", shift=2)
PORTS = {
    "held": InputPort(name="input", shape=(1, 9, 8), kind="hold", value_bits=4, value_scale=15.0),
    "spikes": InputPort(name="input", shape=(1, 9, 8)),
    "values": InputPort(name="input", shape=(1, 9, 8), value_bits=3, value_scale=7.0),
}


def made(layers: str, *, norm: bool, port: str = "held", **rule: Any) -> SpikingNetwork:
    """A network whose normalisations have seen data, so that nothing of them is trivial."""
    generator = torch.Generator().manual_seed(1)
    network = stack_layers(
        PORTS[port],
        layers,
        3,
        hidden=NeuronRule(decay=SHIFT, **rule),
        readout=NeuronRule(fires=False, decay=SHIFT),
        decode="potential_sum",
        generator=generator,
        norm=norm,
    )
    with torch.no_grad():
        for layer in network.stack:
            layer.bias.copy_(torch.rand(layer.bias.shape, generator=generator) * 0.5)
            if layer.norm is not None:
                layer.norm.weight.copy_(torch.rand(layer.norm.weight.shape, generator=generator) + 0.5)
        for _ in range(20):
            network.train()(codes(network, 40), steps_of(network))
    return network.eval()


def codes(network: SpikingNetwork, count: int) -> torch.Tensor:
    port = network.port
    shape = (count, 72) if port.kind == "hold" else (count, 6, 72)
    drawn = torch.rand(shape, generator=torch.Generator().manual_seed(count))
    return (drawn * port.max_value).round() if port.value_bits else (drawn < 0.4).float()


def steps_of(network: SpikingNetwork) -> int | None:
    return 6 if network.port.kind == "hold" else None


def normalised(layer: SpikingLayer, x: torch.Tensor) -> torch.Tensor:
    """The drive with the normalisation as torch computes it, a moment before the neurons."""
    assert layer.norm is not None
    drive = layer.synapses.drive(x, layer.synapses.weight / layer.value_scale, None)
    shaped = drive.reshape(len(x), len(layer.synapses.weight), -1)
    return layer.norm(shaped).flatten(1)  # type: ignore[no-any-return]


@pytest.mark.parametrize("layers", ["5", "4c3s2", "p2-5", "p2-4c3"])
def test_folded_weights_are_the_normalised_drive(layers: str) -> None:
    network = made(layers, norm=True)
    layer, x = network.stack[0], codes(network, 30)
    assert layer.norm is not None
    assert layer.norm.running_mean is not None
    assert layer.norm.running_mean.abs().max() > 0.05
    with torch.no_grad():
        expected = normalised(layer, x)
        folded = layer.synapses.drive(x, layer.weights(), layer.biases())
        torch.testing.assert_close(folded, expected, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(layer(x, 6), layer.neurons(expected, 6))
    assert expected.std() > 0.3
    biases = torch.from_numpy(layer.neuron_biases()).float()
    assert biases.shape == (layer.synapses.size,)
    nothing = torch.zeros_like(x[:1])
    torch.testing.assert_close(normalised(layer, nothing)[0].detach(), biases, rtol=1e-4, atol=1e-5)


def test_training_normalises_over_the_batch() -> None:
    network = made("5", norm=True)
    layer, x = network.stack[0], codes(network, 50)
    seen: list[torch.Tensor] = []
    handle = layer.gate.register_forward_hook(lambda _module, _given, drive: seen.append(drive))
    layer.train()(x, 6)
    handle.remove()
    assert layer.norm is not None
    centred = (seen[0].flatten(1) - layer.bias) / layer.norm.weight
    torch.testing.assert_close(centred.mean(dim=0), torch.zeros(5), rtol=0, atol=1e-4)
    torch.testing.assert_close(centred.var(dim=0, unbiased=False), torch.ones(5), rtol=0, atol=1e-3)


CASES = list(
    itertools.product(("9", "4c3-p2-6", "3c5s2-p2-4c3-5r", "p2-6r"), (False, True), tuple(PORTS))
)


@pytest.mark.parametrize(("layers", "norm", "port"), CASES)
def test_on_integers_it_is_the_integer_model(layers: str, norm: bool, port: str) -> None:
    """Every spike and potential; trained on as it is, whether training or not."""
    network = made(layers, norm=norm, port=port)
    steps = steps_of(network)
    network.quantize(6, 16, codes(network, 50), steps)
    assert network.quantized
    x = codes(network, 12)
    whole = network.integer_network("net")
    values = x.numpy().astype(np.int64)
    given = np.repeat(values[:, None], 6, axis=1) if steps else values
    given = given.reshape(12, 6, *network.port.shape)
    trace = IntegerModel(whole).run(given)
    for training in (True, False):
        outputs, spikes = network.train(training)(x, steps)
        np.testing.assert_array_equal(trace.readouts["readout"], outputs.detach().numpy())
        for layer, fired in zip(network.stack, spikes, strict=False):
            expected = trace.spikes[layer.name].reshape(12, 6, -1)
            np.testing.assert_array_equal(expected, fired.detach().numpy())
            assert 0.01 < fired.mean() < 0.95, "the stimulus must make it fire and stay silent"
    real = RealModel(network.real_network("net")).run(real_input(given, network.port))
    agreed = (real.predict("potential_sum", "readout") == trace.predict("potential_sum", "readout")).mean()
    assert agreed >= 0.7


def test_integers_with_other_rules() -> None:
    for rule in ({"reset": "set"}, {"reset_when": "next", "compare": "gt"}):
        network = made("4c3-6r", norm=True, **rule)
        network.quantize(5, 14, codes(network, 50), 6)
        x = codes(network, 12)
        held = np.repeat(x.numpy().astype(np.int64)[:, None], 6, axis=1).reshape(12, 6, 1, 9, 8)
        trace = IntegerModel(network.integer_network("net")).run(held)
        np.testing.assert_array_equal(trace.readouts["readout"], network(x, 6)[0].detach().numpy())


@pytest.mark.parametrize("quantized", [False, True])
def test_a_state_brings_its_grid_along(quantized: bool) -> None:
    network = made("4c3-p2-6r", norm=True)
    if quantized:
        network.quantize(6, 15, codes(network, 50), 6)
    kept = io.BytesIO()
    torch.save(network.state_dict(), kept)
    kept.seek(0)
    other = made("4c3-p2-6r", norm=True)
    with torch.no_grad():
        other.stack[0].synapses.weight.mul_(3)
    x = codes(network, 12)
    expected = network(x, 6)[0]
    assert not torch.equal(expected, other(x, 6)[0])
    other.load_state_dict(torch.load(kept, weights_only=True))
    assert other.quantized is quantized
    assert torch.equal(expected, other(x, 6)[0])
    assert [layer.weight_bits for layer in other.stack] == [6 if quantized else None] * 3
    if quantized:
        ours, theirs = network.integer_network("a"), other.integer_network("a")
        assert ours.populations == theirs.populations


def test_refusals() -> None:
    network = made("6", norm=False)
    with pytest.raises(
        ConfigError, match=r"^network 'net': must be quantized before its integers are taken$"
    ):
        network.integer_network("net")
    with pytest.raises(ConfigError, match=r"^state_bits: 8 are too few for potentials of 1e\+03$"):
        network.stack[0].quantize(8, 8, 1000.0)


@pytest.mark.parametrize("port", ["held", "spikes"])
def test_a_batch_without_variance_takes_the_statistics_so_far(port: str) -> None:
    network = made("8", norm=True, port=port)
    layer = network.stack[0]
    assert layer.norm is not None
    assert layer.norm.running_mean is not None
    assert layer.norm.running_var is not None
    x, steps = codes(network, 1), steps_of(network)
    if port == "spikes":
        x = x[:, :1]  # a single step of a single sample
    before = [layer.norm.running_mean.clone(), layer.norm.running_var.clone()]
    expected = network.eval()(x, steps)[0]
    got = network.train()(x, steps)[0]
    torch.testing.assert_close(got, expected)
    got.sum().backward()
    assert layer.norm.weight.grad is not None
    torch.testing.assert_close([layer.norm.running_mean, layer.norm.running_var], before, rtol=0, atol=0)


def test_it_trains_to_a_last_batch_of_one() -> None:
    options = options_of("esl", layers="8", epochs=1, batch=20, norm=True, real_share=1.0)
    assert train(options, "digits[:41]", None).metrics["n_train"] == 41
