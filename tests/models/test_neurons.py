"""Neurons in training: surrogate gradients; real rules are the real model, integer rules the integers."""

from typing import Any

import numpy as np
import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models import quantize
from spikewright.models.coding import real_input
from spikewright.models.integer import IntegerModel
from spikewright.models.learning.build import stack_layers
from spikewright.models.learning.layer import SpikingLayer
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.neurons import IF, LI, LIF, NeuronRule, Neurons
from spikewright.models.real import RealModel
from spikewright.models.sums import drive_bound
from spikewright.models.surrogate import Surrogate, slope, spike
from spikewright.network import InputPort
from spikewright.neuron import Decay

DECAYS = {
    "none": Decay(),
    "shift": Decay(kind="shift", shift=3),
    "forget": Decay(kind="shift", shift=0),
    "multiply": Decay(kind="multiply", factor=(59,), fraction_bits=6),
    "fine": Decay(kind="multiply", factor=(60_001,), fraction_bits=16),
}
RULES: dict[str, dict[str, Any]] = {
    "subtract now": {},
    "subtract next": {"reset_when": "next"},
    "set now": {"reset": "set", "reset_value": -0.25},
    "set next": {"reset": "set", "reset_when": "next", "reset_value": 0.125},
    "several": {"max_spikes": 3},
    "floor": {"v_min": -0.3},
    "gt": {"compare": "gt"},
}
PORTS = {
    "hold": InputPort(name="input", shape=(12,), kind="hold", value_bits=4, value_scale=15.0),
    "spikes": InputPort(name="input", shape=(12,)),
    "values": InputPort(name="input", shape=(12,), value_bits=3, value_scale=2.0),
}


def original(layer: SpikingLayer) -> torch.Tensor:
    """The weight that training moves, before its mask."""
    parametrized: Any = layer.synapses.parametrizations
    weights: torch.Tensor = parametrized.weight.original
    return weights


def network(port: InputPort, rule: NeuronRule, readout: NeuronRule, seed: int = 0) -> SpikingNetwork:
    made = stack_layers(
        port,
        "9-7",
        3,
        density=0.6,
        hidden=rule,
        readout=readout,
        decode="potential_sum",
        generator=torch.Generator().manual_seed(seed),
    )
    with torch.no_grad():
        for layer in made.stack:
            original(layer).mul_(3)
            layer.bias.add_(0.6 * torch.rand(layer.bias.shape, generator=torch.Generator().manual_seed(seed)))
    return made


def codes(port: InputPort, steps: int = 15) -> np.ndarray:
    rng = np.random.default_rng(5)
    x = rng.integers(0, port.max_value, (8, steps, 12), endpoint=True)
    x *= rng.random(x.shape) < 0.4
    if port.kind == "hold":
        x[:, 1:] = 0
    return x


def shown(port: InputPort, x: np.ndarray) -> tuple[torch.Tensor, int | None]:
    held = port.kind == "hold"
    return torch.from_numpy(x[:, 0] if held else x).float(), x.shape[1] if held else None


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("port", PORTS)
def test_quantized_training_is_the_integer_network(decay: str, rule: str, port: str) -> None:
    options = RULES[rule]
    made = network(
        PORTS[port],
        NeuronRule(decay=DECAYS[decay], **options),
        NeuronRule(fires=False, decay=DECAYS[decay], v_min=options.get("v_min")),
    )
    x = codes(PORTS[port])
    made.quantize(6, 16, *shown(PORTS[port], x))
    with torch.no_grad():  # training goes on after the scales are chosen
        for layer in made.stack:
            original(layer).mul_(1.7)
            layer.bias.sub_(0.01)
    outputs, spikes = made(*shown(PORTS[port], x))
    integers = made.integer_network("test")
    trace = IntegerModel(integers).run(x)
    assert max(drive_bound(integers, name) for name in ("hidden1", "hidden2", "readout")) < 1 << 23
    for name, ours in zip(("hidden1", "hidden2"), spikes, strict=True):
        np.testing.assert_array_equal(trace.spikes[name], ours.detach().numpy())
        assert 0 < trace.spikes[name].mean() < integers.populations[0].neuron.max_spikes
    np.testing.assert_array_equal(trace.readouts["readout"], outputs.detach().numpy())
    assert np.abs(integers.edges[0].weights).max() >= 31, "some weight must have been clipped"


@pytest.mark.parametrize("decay", DECAYS)
@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("port", PORTS)
def test_real_training_is_the_real_network(decay: str, rule: str, port: str) -> None:
    made = network(
        PORTS[port],
        NeuronRule(decay=DECAYS[decay], **RULES[rule]),
        NeuronRule(fires=False, decay=DECAYS[decay]),
    ).double()
    x = codes(PORTS[port])
    shown_x, steps = shown(PORTS[port], x)
    with torch.no_grad():
        outputs, spikes = made(shown_x.double(), steps)
    trace = RealModel(made.real_network("test")).run(real_input(x, PORTS[port]).astype(np.float64))
    tolerance = 1e-5 if port == "hold" else 1e-12  # x / 15 is no float32
    for name, ours in zip(("hidden1", "hidden2"), spikes, strict=True):
        np.testing.assert_array_equal(trace.spikes[name], ours.numpy())
    np.testing.assert_allclose(trace.readouts["readout"], outputs.numpy(), rtol=tolerance, atol=tolerance)


def test_quantized_real_network_lies_on_the_grid() -> None:
    port = PORTS["hold"]
    made = network(port, NeuronRule(decay=DECAYS["shift"]), NeuronRule(fires=False))
    made.quantize(8, 16, *shown(port, codes(port)))
    real, whole = made.real_network("test"), made.integer_network("test")
    for edge, integers in zip(real.edges, whole.edges, strict=True):
        source_scale = 15.0 if edge.source == "input" else 1.0
        scale = whole.population(edge.target).scale
        assert scale == int(scale)
        np.testing.assert_array_equal(np.rint(edge.weights * scale / source_scale), integers.weights)
    for population, integers_of in zip(real.populations, whole.populations, strict=True):
        biases = np.rint(population.bias * integers_of.scale)
        assert biases.tolist() == list(integers_of.neuron.bias)


def test_integers_need_quantization() -> None:
    made = network(PORTS["hold"], NeuronRule(), NeuronRule(fires=False))
    with pytest.raises(ConfigError, match=r"^network 'n': must be quantized before its integers are taken$"):
        made.integer_network("n")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("atan", lambda x: 1 / (1 + (np.pi * x) ** 2)),
        ("fast_sigmoid", lambda x: 1 / (1 + 2 * abs(x)) ** 2),
        ("triangle", lambda x: max(0.0, 1 - 2 * abs(x))),
    ],
)
def test_surrogates(name: Any, expected: Any) -> None:
    x = torch.tensor([-1.0, -0.3, 0.0, 0.2, 2.0], dtype=torch.float64, requires_grad=True)
    surrogate = Surrogate(name, 2.0)
    spikes = spike(x, surrogate)
    assert spikes.tolist() == [0, 0, 1, 1, 1]
    assert spike(x, surrogate, strict=True).tolist() == [0, 0, 0, 1, 1]
    torch.autograd.backward((spikes * torch.arange(1, 6)).sum())
    assert x.grad is not None
    np.testing.assert_allclose(
        x.grad, [w * expected(v) for w, v in zip(range(1, 6), x.tolist(), strict=True)]
    )
    assert float(slope(surrogate, torch.zeros(()))) == 1


def test_gradient_flows_through_time_as_the_rules_say() -> None:
    drive = torch.tensor([[[0.4], [0.3], [0.2]]], dtype=torch.float64, requires_grad=True)
    layer = LIF(NeuronRule(decay=Decay(kind="shift", shift=1)), surrogate=Surrogate("triangle", 0.5))
    layer(drive)[0, 2].backward()
    potential = (0.4 * 0.5 + 0.3) * 0.5 + 0.2
    near = 1 - 0.5 * abs(potential - 1)
    assert drive.grad is not None
    np.testing.assert_allclose(drive.grad.ravel(), [near / 4, near / 2, near])


@pytest.mark.parametrize("quantized", [False, True])
def test_quantized_gradients_are_those_of_the_reals(quantized: bool) -> None:
    """On the grid the drive is in codes: the gradient is the real one over the scale, rounding aside."""
    grads = []
    for on_grid in (False, quantized):
        layer = LIF(NeuronRule(decay=DECAYS["multiply"]))
        scale = 1.0
        if on_grid:
            scale = 4096.0
            layer.quantize(scale, 24)
        drive = torch.full((1, 6, 1), 615 / 4096 * scale, dtype=torch.float64, requires_grad=True)
        layer(drive).sum().backward()
        assert drive.grad is not None
        grads.append(drive.grad * scale)
    np.testing.assert_allclose(grads[0], grads[1], rtol=5e-3)
    assert (grads[0] > 0).all()


@pytest.mark.parametrize("reset", ["subtract", "set"])
def test_a_reset_can_pass_its_gradient(reset: Any) -> None:
    rule = NeuronRule(reset=reset)
    grads = []
    for detach in (True, False):
        drive = torch.full((1, 3, 1), 0.6, requires_grad=True)
        Neurons(rule, detach_reset=detach)(drive)[0, 2].backward()
        assert drive.grad is not None
        grads.append(drive.grad.ravel().tolist())
    assert grads[0] != grads[1]


def test_ready_made_neurons() -> None:
    drive = torch.full((2, 4), 0.5)
    assert LIF()(drive, 5).shape == (2, 5, 4)
    assert IF()(drive, 4)[0, :, 0].tolist() == [0, 1, 0, 1]
    assert LI(Decay(kind="shift", shift=1))(drive, 3)[0, :, 0].tolist() == [0.5, 0.75, 0.875]
    with pytest.raises(ConfigError, match=r"^IF: decay must be of kind none, not shift$"):
        IF(NeuronRule(decay=Decay(kind="shift", shift=1)))


@pytest.mark.parametrize(
    ("threshold", "scale", "compare", "expected"),
    [
        (1.0, 100.0, "ge", (100, 100)),
        (1.0, 100.0, "gt", (101, 100)),
        (1.1, 10.0, "ge", (11, 11)),  # the product is 11.000000000000002
        (0.29, 100.0, "gt", (30, 29)),  # the product is 28.999999999999996
        (1.0, 10.4, "ge", (11, 10)),
        (1.0, 10.6, "gt", (11, 11)),
    ],
)
def test_levels(threshold: float, scale: float, compare: str, expected: tuple[int, int]) -> None:
    assert quantize.levels(threshold, scale, compare) == expected


def test_weights_round_half_to_even_and_clip() -> None:
    weight = torch.tensor([0.5, 1.5, -0.5, 2.4, 9.0, -9.0], requires_grad=True)
    integers = quantize.weight_codes(weight, 1.0, 4)
    assert integers.tolist() == [0, 2, 0, 2, 7, -8]
    torch.autograd.backward(integers.sum())
    assert weight.grad is not None
    assert weight.grad.tolist() == [1, 1, 1, 1, 0, 0]


def test_few_bits_clip_the_largest_weights() -> None:
    weights = torch.tensor([0.1] * 50 + [0.02] * 50 + [0.8])
    assert quantize.best_scale(weights, 16) == pytest.approx(32767 / 0.8, rel=1e-3)
    scale = quantize.best_scale(weights, 3)
    assert scale > quantize.weight_scale(0.8, 3)
    errors = [
        float((quantize.weight_codes(weights, s, 3) / s - weights).square().sum()) for s in (scale, 3.0)
    ]
    assert errors[0] < errors[1]


@pytest.mark.parametrize(("peak", "expected"), [(1.0, 127), (0.5, 254), (0.3, 423), (200.0, 1)])
def test_scales_are_whole_and_fit(peak: float, expected: int) -> None:
    assert quantize.weight_scale(peak, 8) == expected
    assert quantize.weight_scale(peak, 8, 15.0) == max(1, int(127 * 15 / peak))
    with pytest.raises(ConfigError, match=r"^scale: the largest weight must be above 0 and finite, not 0$"):
        quantize.weight_scale(0, 8)


def test_a_state_too_narrow_for_the_potentials_is_refused() -> None:
    port = PORTS["spikes"]
    made = network(port, NeuronRule(threshold=40.0), NeuronRule(fires=False))
    with pytest.raises(ConfigError, match=r"^state_bits: 8 are too few for potentials of 40$"):
        made.quantize(8, 8, *shown(port, codes(port)))


def test_narrow_states_have_headroom() -> None:
    port = PORTS["spikes"]
    made = network(port, NeuronRule(), NeuronRule(fires=False))
    made.quantize(8, 8, *shown(port, codes(port)))
    whole = made.integer_network("narrow")
    for population in whole.populations[:2]:
        assert 4 * population.neuron.compare[0] <= 127
    readouts = IntegerModel(whole).run(codes(port)).readouts["readout"]
    assert 20 <= np.abs(readouts).max() < 127, "read-outs use their range and do not saturate"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": 0.0}, r"threshold must be above 0, not 0\.0"),
        ({"v_min": 0.5}, r"v_min must be at most 0, not 0\.5"),
        ({"max_spikes": 0}, "max_spikes must be 1, or more with reset subtract, now, not 0"),
        ({"max_spikes": 2, "reset": "set"}, "max_spikes must be 1, or more with reset subtract, now, not 2"),
    ],
)
def test_refuses_rules(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{message}$"):
        NeuronRule(**options)


def test_refuses_surrogates() -> None:
    with pytest.raises(
        ConfigError, match=r"^surrogate must be one of atan, fast_sigmoid, triangle, not 'step'$"
    ):
        Surrogate("step")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^surrogate: sharpness must be above 0, not 0$"):
        Surrogate("atan", 0)
