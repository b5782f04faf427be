"""The whole way down: a NIR graph to an integer network, a chip configuration and memory images."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy.typing as npt

from spikewright.compiler.effort import Effort, Labelled, Outcome, quantize_with
from spikewright.compiler.isolate import Feed
from spikewright.compiler.mapping import Contents, RowsChoice, map_network
from spikewright.compiler.metadata import graph_metadata
from spikewright.compiler.plan import DEFAULT_WEIGHT_BITS, Plan
from spikewright.compiler.reader import read_network, read_nir
from spikewright.compiler.semantics import (
    Semantics,
    SemanticsFile,
    load_semantics,
    parse_semantics,
    resolve_semantics,
)
from spikewright.compiler.summary import Summary, loss_notes, semantics_notes, summarise
from spikewright.compiler.weights import Loss
from spikewright.compiler.words import Image
from spikewright.config import ChipConfig
from spikewright.errors import ConfigError
from spikewright.ir import RealNetwork
from spikewright.network import IntegerNetwork

__all__ = ["Lowered", "SemanticsLike", "decide_semantics", "lower"]

SemanticsLike = str | Path | Mapping[str, Any] | SemanticsFile | Semantics | None
"""A YAML file, its content as a mapping, or semantics already read."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Lowered:
    """Every form of one network on its way down.

    Parameters
    ----------
    notes
        What was decided where the graph left a choice, in lines for a person.
    losses
        What quantization cost, by edge.
    outcome
        On which way the integer network was found.
    """

    semantics: Semantics
    real: RealNetwork
    network: IntegerNetwork
    chip: ChipConfig
    images: dict[str, Image]
    notes: tuple[str, ...]
    losses: tuple[Loss, ...]
    summary: Summary
    outcome: Outcome


def lower(
    source_network: Any,
    *,
    semantics: SemanticsLike = None,
    source: str | None = None,
    weight_bits: int | None = None,
    state_bits: int | None = None,
    lanes: int | None = None,
    contents: Contents = "baked",
    rows: RowsChoice = "auto",
    calibrate: Feed | npt.NDArray[Any] | None = None,
    effort: Effort | None = None,
    name: str | None = None,
) -> Lowered:
    """Lower a NIR graph.

    Parameters
    ----------
    source_network
        Path of a NIR file, or a ``nir.NIRGraph``.
    semantics, source
        What NIR does not carry, as a YAML file or its content, and the framework that wrote the graph.
    weight_bits, state_bits
        Widths, 2..16 and 8..24; by default those of the semantics, else 8 and what each population needs.
    lanes, contents, rows
        See :func:`~spikewright.compiler.mapping.map_network`.
    calibrate
        Inputs of the real network, ``(samples, steps, *shape)`` or such by name of the input, on which scales
        are chosen where training did not fix them: short for the ``effort`` that does so.
    effort
        How quantization goes about it; by default without data, with a scale for each population.
    name
        Name of the network; by default that of the metadata, else of the file.

    Raises
    ------
    ConfigError
        If the network, the semantics or an option is wrong, or cannot be realised.
    """
    graph = read_nir(source_network)
    given_name, decided = decide_semantics(graph, semantics, source)
    stem = Path(source_network).stem if isinstance(source_network, str | Path) else "network"
    real = read_network(graph, decided, name or given_name or stem)
    plan_notes = make_plan(decided, weight_bits, state_bits)[1]
    if calibrate is not None:
        feed = calibrate if isinstance(calibrate, dict) else one_feed(real, calibrate)
        effort = replace(effort or Effort(), calibrate=Labelled(feed=feed))
    outcome = quantize_with(
        real,
        lambda bits: make_plan(decided, weight_bits if bits is None else bits, state_bits)[0],
        effort or Effort(),
    )
    quantized = outcome.quantized
    plan_notes += outcome.notes
    notes = (*semantics_notes(decided), *real.notes, *plan_notes, *quantized.notes)
    mapped = map_network(quantized.network, lanes=lanes, contents=contents, rows=rows)
    return Lowered(
        semantics=decided,
        real=real,
        network=quantized.network,
        chip=mapped.chip,
        images=mapped.images,
        notes=(*notes, *loss_notes(quantized.losses)),
        losses=quantized.losses,
        summary=summarise(quantized.network, mapped.chip),
        outcome=outcome,
    )


def decide_semantics(
    graph: Any, semantics: SemanticsLike = None, source: str | None = None
) -> tuple[str | None, Semantics]:
    """The name that a graph's metadata gives it, if any, and the semantics it is to be read with."""
    name, metadata = graph_metadata(graph.metadata)
    if isinstance(semantics, Semantics):
        return name, semantics
    if isinstance(semantics, str | Path):
        semantics = load_semantics(Path(semantics))
    elif semantics is not None and not isinstance(semantics, SemanticsFile):
        semantics = parse_semantics(semantics, "semantics")
    return name, resolve_semantics(semantics, source, metadata)


def make_plan(
    semantics: Semantics, weight_bits: int | None, state_bits: int | None
) -> tuple[Plan, tuple[str, ...]]:
    """What quantization is to do: options first, then semantics; what training fixed, at its own width."""
    bits = weight_bits if weight_bits is not None else semantics.weight_bits or DEFAULT_WEIGHT_BITS
    from_training = {key for key, origin in semantics.origins.items() if origin == "metadata"}
    notes: tuple[str, ...] = ()
    dropped: set[str] = set()
    if semantics.trained_bits is not None and semantics.trained_bits != bits:
        dropped = from_training & {"scales", "decays", "state_bits"}
        if dropped:
            notes = (
                f"weights of {bits} bits asked for, trained with {semantics.trained_bits}:"
                " quantized after training",
            )
    decays = {} if "decays" in dropped else semantics.decays
    asked = semantics.state_bits if state_bits is None and "state_bits" not in dropped else state_bits
    return Plan(
        weight_bits=bits,
        scales={} if "scales" in dropped else semantics.scales,
        decays=decays,
        trained=frozenset(decays) if "decays" in from_training else frozenset(),
        state_bits=asked,
    ), notes


def one_feed(real: RealNetwork, values: npt.NDArray[Any]) -> Feed:
    """An array for the only input of a network."""
    if len(real.inputs) != 1:
        names = ", ".join(port.name for port in real.inputs)
        raise ConfigError(f"calibration data: must have an array for each input ({names}), not one array")
    return {real.inputs[0].name: values}
