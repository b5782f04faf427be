"""Networks without their pruned channels: what is left computes what the masked network did."""

from collections.abc import Mapping

import numpy as np
import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models.learning.build import stack_layers
from spikewright.models.learning.channels import ChannelPruner
from spikewright.models.learning.gates import ChannelGroup
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.learning.reduced import reduced
from spikewright.models.neurons import NeuronRule
from spikewright.network import InputPort
from spikewright.neuron import Decay

PORT = InputPort(name="input", shape=(1, 12, 12), kind="hold", value_bits=4, value_scale=15.0)
STEPS = 5


def drawn(layers: str, *, norm: bool, density: float = 1.0, seed: int = 3) -> SpikingNetwork:
    """A network with biases and normalisations that are not trivial."""
    generator = torch.Generator().manual_seed(seed)
    network = stack_layers(
        PORT,
        layers,
        3,
        hidden=NeuronRule(decay=Decay(kind="shift", shift=2)),
        readout=NeuronRule(fires=False),
        decode="potential_sum",
        generator=generator,
        norm=norm,
        density=density,
    )
    with torch.no_grad():
        for layer in network.stack:
            layer.bias.copy_(torch.rand(layer.bias.shape, generator=generator) * 0.6)
            if layer.norm is not None:
                layer.norm.weight.copy_(torch.rand(layer.norm.weight.shape, generator=generator) + 0.5)
        for _ in range(10):
            network.train()(codes(40), STEPS)
    return network.eval()


def codes(count: int) -> torch.Tensor:
    return (torch.rand(count, 144, generator=torch.Generator().manual_seed(count)) * 15).round()


def pruner(network: SpikingNetwork, keep: float) -> ChannelPruner:
    """The pruner that training uses, after one epoch of one batch, channels chosen at random."""
    groups = [
        ChannelGroup(
            name=layer.name,
            module=layer.gate,
            neurons=layer.neurons,
            neuron_axis=-1,
            channels=len(layer.synapses.weight),
        )
        for layer in network.stack[:-1]
    ]
    generator = torch.Generator().manual_seed(0)
    made = ChannelPruner(
        groups, keep=keep, regrow=0.0, ranking="random", last_epoch=0, minimum=2, generator=generator
    )
    made.before_batch(0)
    made.after_update(0)
    made.after_epoch(0)
    return made


def sizes(network: SpikingNetwork) -> list[int]:
    return [len(layer.synapses.weight) for layer in network.stack]


LAYERS = ("8c3s2-p2-10c3-p3-12", "p2-6c3-9", "16-12", "16r-12", "6c5s2-p2-12r-10r", "8c3-p4")


@pytest.mark.parametrize("quantized", [False, True])
@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("layers", LAYERS)
def test_the_reduced_network_is_the_masked_one(layers: str, norm: bool, quantized: bool) -> None:
    network = drawn(layers, norm=norm)
    whole = network(codes(20), STEPS)[0]
    parts = pruner(network, 0.6)
    if quantized:
        network.quantize(6, 16, codes(60), STEPS)
    masks = parts.masks()
    assert any(not mask.all() for mask in masks.values())
    x = codes(20)
    with torch.no_grad():
        expected, spikes = network(x, STEPS)
    small = reduced(network, masks)
    parts.remove()
    assert sizes(small) == [*(int(mask.sum()) for mask in masks.values()), 3]
    with torch.no_grad():
        outputs, theirs = small(x, STEPS)
    assert not torch.allclose(whole, network.in_units(expected)), "channels must matter"
    if quantized:
        assert torch.equal(outputs, expected)
    else:
        torch.testing.assert_close(outputs, expected, rtol=1e-4, atol=1e-4)
    for name, fired, left in zip(masks, spikes, theirs, strict=True):
        places = fired.shape[-1] // len(masks[name])
        live = masks[name].repeat_interleave(places)
        assert fired[..., ~live].sum() == 0, "pruned channels are silent"
        assert torch.equal(fired[..., live], left)
        assert left.mean() > 0.01
    if quantized:
        made = small.integer_network("small")
        edges = {(edge.source, edge.target): edge.weights for edge in made.edges}
        first = small.stack[0]
        np.testing.assert_array_equal(
            edges["input", first.name].reshape(len(first.biases()), -1),
            first.weights().detach().reshape(len(first.biases()), -1).numpy(),
        )


def test_whole_layers_and_training_stay() -> None:
    network = drawn("8c3s2-p2-10c3-6", norm=True)
    masks: Mapping[str, torch.Tensor] = {"conv2": torch.arange(10) % 2 == 0}
    small = reduced(network.train(), masks)
    assert small.training
    assert sizes(small) == [8, 5, 6, 3]
    assert [layer.name for layer in small.stack] == ["conv1", "conv2", "hidden1", "readout"]
    assert [layer.plane for layer in small.stack] == [(8, 6, 6), (5, 3, 3), (), ()]
    optimizer = torch.optim.SGD(small.parameters(), lr=0.1)
    before = [layer.synapses.weight.clone() for layer in network.stack]
    small(codes(30), STEPS)[0].square().sum().backward()
    optimizer.step()
    assert all(
        torch.equal(layer.synapses.weight, weight)
        for layer, weight in zip(network.stack, before, strict=True)
    ), "the whole network is not touched"


def test_a_sparse_mask_is_refused() -> None:
    network = drawn("8-6", norm=False, density=0.5)
    with pytest.raises(
        ConfigError, match=r"^layer 'hidden1': must not have a sparse mask to lose channels$"
    ):
        reduced(network, {"hidden1": torch.arange(8) > 3})
