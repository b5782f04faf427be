"""The search of widths, and fine-tuning behind it: what is tried, kept and refused."""

import re
from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from spikewright.compiler.effort import Effort, Labelled, quantize_with
from spikewright.compiler.plan import Plan
from spikewright.compiler.search import Judge, search_bits
from spikewright.errors import ConfigError
from spikewright.ir import RealNetwork
from spikewright.models.real import RealModel
from tests.compiler.real_networks import dense, population, recurrent_currents


def separable(samples: int = 300) -> tuple[RealNetwork, Labelled]:
    """A network, with events of which it says the class itself: 100 % in real numbers."""
    rng = np.random.default_rng(0)
    weights = rng.normal(0, 0.4, (8, 16))
    weights -= weights.mean(axis=1, keepdims=True)
    real = replace(dense(weights, population(8, fires=False, decay=0.8)), decode="potential_sum")
    x = (rng.random((samples, 8, 16)) < rng.random((samples, 1, 16))).astype(np.uint8)
    labels = RealModel(real).run({"in": x}).predict("potential_sum", "p")
    return real, Labelled(feed={"in": x}, labels=labels, name="events")


def plan_of(bits: int | None) -> Plan:
    return Plan(weight_bits=8 if bits is None else bits)


def test_narrower_until_the_accuracy_is_gone() -> None:
    real, data = separable()
    judge = Judge.of(real, data.feed, data.labels)
    assert judge.accuracy_float == 1.0
    told: list[str] = []
    plan, search = search_bits(real, plan_of, judge, 5.0, advance=told.append)
    assert search.populations == ("p",)
    assert [len(told), search.accuracy_float, search.most_points_lost] == [len(search.trials), 1.0, 5.0]
    weights = [trial for trial in search.trials if trial.changed == "weights"]
    assert [trial.weight_bits[0] for trial in weights] == list(range(8, 8 - len(weights), -1))
    assert [trial.kept for trial in weights] == [True] * (len(weights) - 1) + [False]
    kept = [trial for trial in search.trials if trial.kept][-1]
    assert kept.points_lost <= 5.0 < weights[-1].points_lost
    assert kept.accuracy == 1 - kept.points_lost / 100
    found = quantize_with(real, lambda _: plan, Effort()).quantized.network
    assert (found.weight_bits_into("p"),) == kept.weight_bits
    assert (found.populations[0].neuron.state_bits,) == kept.state_bits == (8,)
    # Nothing to lose: as many bits as it takes, above 8 if need be.
    exact, _ = search_bits(real, plan_of, judge, 0.0)
    assert exact.weight_bits > plan.weight_bits


def test_every_population_gets_its_own_width() -> None:
    rng = np.random.default_rng(3)
    real = recurrent_currents(12)
    x = (rng.random((60, 15, 5)) < 0.4).astype(np.uint8)
    labels = RealModel(real).run({"in": x}).predict("potential_sum", "out")
    _, search = search_bits(real, plan_of, Judge.of(real, {"in": x}, labels), 8.0)
    changed = [trial.changed for trial in search.trials]
    assert {"weights", "hidden weights", "hidden currents", "hidden states"} <= set(changed)
    kept = [trial for trial in search.trials if trial.kept]
    for earlier, later in pairwise(kept):
        before, after = ((*trial.weight_bits, *trial.current_bits) for trial in (earlier, later))
        assert all(b <= a for a, b in zip(before, after, strict=True))


def test_what_cannot_be_kept_is_refused() -> None:
    real, data = separable()
    labels = np.where(np.arange(300) < 150, data.labels, (data.labels + 1) % 8)
    judge = Judge(events=data.feed, labels=labels, accuracy_float=0.9)
    message = (
        r"^search of widths: no weights of up to 16 bits stay within 1 points of the real network's 90\.00%:"
        r" [45]\d\.\d\d% at best$"
    )
    with pytest.raises(ConfigError, match=message):
        search_bits(real, plan_of, judge, 1.0)


@pytest.mark.parametrize(
    ("effort", "message"),
    [
        ({"widths": "calibrated"}, "widths calibrated: needs data to calibrate with"),
        ({"search_loss": 1.0}, "search of widths: needs data with labels to measure accuracies on"),
        (
            {"search_loss": -1.0, "judge": Labelled(feed={}, labels=[1])},
            "search of widths: must lose 0 points or more, not -1",
        ),
        (
            {"finetune": 3, "calibrate": Labelled(feed={})},
            "finetune: needs data with labels to calibrate with, which it trains on",
        ),
    ],
)
def test_what_an_effort_needs(effort: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}$"):
        Effort(**effort)


def test_fine_tuning_makes_up_for_few_bits() -> None:
    real, data = separable(1000)
    plain = quantize_with(real, lambda _: Plan(weight_bits=3), Effort(calibrate=data))
    tuned = quantize_with(real, lambda _: Plan(weight_bits=3), Effort(calibrate=data, finetune=10))
    judge = Judge.of(real, data.feed, data.labels)
    before, after = (judge.accuracy(outcome.quantized.network) for outcome in (plain, tuned))
    assert after >= before + 0.015
    assert tuned.finetuned is not None
    (note,) = [note for note in tuned.notes if "fine-tuned" in note]
    assert note.startswith(f"fine-tuned on events: epoch {tuned.finetuned.epoch} of 10: ")
    network, other = tuned.quantized.network, plain.quantized.network
    assert np.array_equal(network.edges[0].weights, tuned.finetuned.weights[0])
    assert network.populations[0].scale == other.populations[0].scale
    assert network.populations[0].neuron.compare == other.populations[0].neuron.compare
    # Errors of weights are those against the network that came in.
    assert tuned.quantized.losses[0].rms_relative > plain.quantized.losses[0].rms_relative


def test_fine_tuning_keeps_edges_apart() -> None:
    rng = np.random.default_rng(3)
    real = recurrent_currents()
    mixed = RealNetwork(**{  # edges not in the order of their targets
        **{name: getattr(real, name) for name in real.__dataclass_fields__},
        "edges": (real.edges[2], real.edges[1], real.edges[0]),
    })  # fmt: skip
    x = (rng.random((20, 10, 5)) < 0.4).astype(np.uint8)
    data = Labelled(feed={"in": x}, labels=rng.integers(0, 3, 20))
    outcome = quantize_with(mixed, plan_of, Effort(calibrate=data, finetune=1))
    assert [edge.weights.shape for edge in outcome.quantized.network.edges] == [(6, 6), (6, 5), (3, 6)]
