"""From the real to the integer network with all that data can do for it: calibrate, search, fine-tune."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from spikewright.compiler.calibrate import Reference, Widths, calibrate
from spikewright.compiler.isolate import Feed, integer_feed
from spikewright.compiler.plan import Granularity, Plan
from spikewright.compiler.quantize import Quantized, quantize
from spikewright.compiler.scales import Reals, by_row, value_scale
from spikewright.compiler.search import Judge, Search, search_bits
from spikewright.compiler.weights import edge_loss
from spikewright.errors import ConfigError
from spikewright.ir import RealEdge, RealNetwork
from spikewright.network import IntegerNetwork

if TYPE_CHECKING:
    from spikewright.models.finetune import Finetuned

__all__ = ["Effort", "Labelled", "Outcome", "quantize_with"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Labelled:
    """Values of the real network's inputs, by name, and classes, if there are any."""

    feed: Feed
    labels: Any = None
    name: str = "calibration data"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Effort:
    """How quantization goes about it.

    Parameters
    ----------
    scales
        Who shares a scale.
    widths
        Of states and currents: proven, or calibrated.
    calibrate
        Data to choose scales and widths with, and to fine-tune on.
    search_loss
        Percentage points that narrower widths may cost; None leaves the widths as they are.
    judge
        Data that the search measures accuracies on.
    finetune
        Epochs of fine-tuning; None for none.
    advance
        Told what is being done, for a person who waits.
    """

    scales: Granularity = "layer"
    widths: Widths = "proven"
    calibrate: Labelled | None = None
    search_loss: float | None = None
    judge: Labelled | None = None
    finetune: int | None = None
    advance: Callable[[str], None] = lambda _: None

    def __post_init__(self) -> None:
        if self.widths == "calibrated" and self.calibrate is None:
            raise ConfigError("widths calibrated: needs data to calibrate with")
        if self.search_loss is not None and (self.judge is None or self.judge.labels is None):
            raise ConfigError("search of widths: needs data with labels to measure accuracies on")
        if self.search_loss is not None and not self.search_loss >= 0:
            raise ConfigError(f"search of widths: must lose 0 points or more, not {self.search_loss:g}")
        if self.finetune is not None and (self.calibrate is None or self.calibrate.labels is None):
            raise ConfigError("finetune: needs data with labels to calibrate with, which it trains on")


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Outcome:
    """What came out, and on which way."""

    quantized: Quantized
    search: Search | None
    finetuned: "Finetuned | None"
    notes: tuple[str, ...]


def quantize_with(real: RealNetwork, plan_of: Callable[[int | None], Plan], effort: Effort) -> Outcome:
    """Quantize a network.

    Parameters
    ----------
    plan_of
        What is fixed beforehand, for a width of weights; None is the width asked for.
    """

    def fixed(bits: int | None) -> Plan:
        return replace(plan_of(bits), granularity=effort.scales)

    reference = None if effort.calibrate is None else Reference.of(real, effort.calibrate.feed)
    plan, search = fixed(None), None
    notes: tuple[str, ...] = ()
    if effort.search_loss is not None and effort.judge is not None:
        judge = Judge.of(real, effort.judge.feed, effort.judge.labels)
        plan, search = search_bits(
            real, fixed, judge, effort.search_loss,
            reference=reference, widths=effort.widths, advance=effort.advance,
        )  # fmt: skip
        notes = (search_note(search, effort.judge.name),)
    elif reference is not None:
        plan, notes = calibrate(reference, plan, effort.widths)
    quantized = quantize(real, plan)
    if effort.finetune is None or effort.calibrate is None:
        return Outcome(quantized=quantized, search=search, finetuned=None, notes=notes)
    tuned, finetuned = finetune_weights(real, plan, quantized.network, effort.calibrate, effort)
    after, before = finetuned.accuracies[finetuned.epoch], finetuned.accuracies[0]
    notes += (
        f"fine-tuned on {effort.calibrate.name}: epoch {finetuned.epoch} of {effort.finetune}: {after:.2%} on"
        f" samples held out, {before:.2%} before",
    )
    return Outcome(quantized=tuned, search=search, finetuned=finetuned, notes=notes)


def search_note(search: Search, judged_on: str) -> str:
    """What the search came to, in a line."""
    kept = [trial for trial in search.trials if trial.kept][-1]
    return (
        f"search of widths on {judged_on}: {len(search.trials)} networks tried, {kept.accuracy:.2%} at the"
        f" narrowest, {search.accuracy_float:.2%} in real numbers"
    )


def finetune_weights(
    real: RealNetwork, plan: Plan, network: IntegerNetwork, data: Labelled, effort: Effort
) -> tuple[Quantized, "Finetuned"]:
    """The network with weights trained on its own grid, widths proven or asked for as before."""
    from spikewright.models.finetune import FinetuneOptions, finetune  # torch only where data is there to run

    assert effort.finetune is not None  # asked by quantize_with
    ports = {port.name: port for port in real.inputs}
    scales = {
        population.name: np.broadcast_to(
            np.asarray(population.scales or population.scale, np.float64), (population.size,)
        )
        for population in network.populations
    }

    def codes_a_unit(edge: RealEdge) -> Reals:
        return by_row(edge, scales[edge.target]) / value_scale(ports, edge)

    own = real_order(real, network)
    found = finetune(
        network,
        [edge.weights * codes_a_unit(edge) for edge in own],
        integer_feed(real.inputs, data.feed),
        data.labels,
        FinetuneOptions(epochs=effort.finetune),
        lambda done, total, loss: effort.advance(f"fine-tuning: epoch {done} of {total}, loss {loss:.3f}"),
    )
    edges = tuple(
        replace(edge, weights=codes / codes_a_unit(edge))
        for edge, codes in zip(own, found.weights, strict=True)
    )
    levels = {name: tuple(values.tolist()) for name, values in scales.items()}
    tuned = quantize(replace(real, edges=edges), replace(plan, scales=levels, clips={}))
    losses = tuple(
        edge_loss(
            edge, codes, scales[edge.target], value_scale(ports, edge), network.weight_bits_into(edge.target)
        )
        for edge, codes in zip(own, found.weights, strict=True)
    )
    return replace(tuned, losses=losses), found


def real_order(real: RealNetwork, network: IntegerNetwork) -> list[RealEdge]:
    """Edges of the real network in the order of the integer one's: by target, else as they were."""
    order = [population.name for population in network.populations]
    return sorted(real.edges, key=lambda edge: order.index(edge.target))
