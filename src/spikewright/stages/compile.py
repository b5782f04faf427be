"""The stage ``compile``: from a NIR graph to configuration, memory images and Verilog."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, get_args

import numpy as np

from spikewright.boards.area.model import estimate_area
from spikewright.build import BuildFolder
from spikewright.compiler.calibrate import Widths
from spikewright.compiler.config_yaml import write_config
from spikewright.compiler.decays import decay_text
from spikewright.compiler.effort import Effort, Labelled
from spikewright.compiler.images import write_images
from spikewright.compiler.mapping import Contents, RowsChoice
from spikewright.compiler.metadata import METADATA_KEY, parse_json
from spikewright.compiler.nir_file import graph_bytes, read_nir
from spikewright.compiler.passes import Lowered, decide_semantics, lower
from spikewright.compiler.plan import Granularity
from spikewright.compiler.reader import read_network
from spikewright.compiler.semantics import SemanticsFile, load_semantics, parse_semantics
from spikewright.compiler.storage import write_network
from spikewright.config import CoreConfig, Encoder
from spikewright.cosim.names import encoded_inputs
from spikewright.errors import ConfigError
from spikewright.manifest import StageRecord, hash_bytes
from spikewright.memories import core_memories
from spikewright.models.binning import Polarity
from spikewright.models.data import Dataset
from spikewright.network import IntegerNetwork
from spikewright.progress import waiting
from spikewright.rtl.microphone import Microphone
from spikewright.rtl.verilog import write_chip
from spikewright.stages.common import run_stage, versions, write_summary
from spikewright.stages.encoder import with_encoder, with_microphone
from spikewright.stages.forecast import forecast, nominal_events
from spikewright.stages.quantization import effort_for, labelled, losses
from spikewright.stages.stimulus import Coding, data_hash, from_data

__all__ = ["CompileOptions", "run_compile"]

TIMED_SAMPLES = 16
"""Samples of the evaluation whose clocks are predicted."""
PACKAGES = ("amaranth", "nir", "numpy", "pyosys", "torch")


@dataclass(frozen=True, slots=True, kw_only=True)
class CompileOptions:
    """How to compile; see :func:`spikewright.compile`."""

    semantics: SemanticsFile | None = None
    source: str | None = None
    weight_bits: int | None = None
    state_bits: int | None = None
    lanes: int | None = None
    rows: RowsChoice = "auto"
    contents: Contents = "baked"
    calibrate: str | Dataset | None = None
    evaluate: str | Dataset | None = None
    steps: int | None = None
    bin_ms: float | None = None
    polarity: Polarity | None = None
    scales: Granularity = "layer"
    widths: Widths = "proven"
    search_bits: float | None = None
    finetune: int | None = None
    encoder: Encoder | None = None
    encoder_lanes: int | None = None
    microphone: Microphone | None = None
    clock_mhz: float | None = None

    def __post_init__(self) -> None:
        for key, choices in (("contents", Contents), ("scales", Granularity), ("widths", Widths)):
            value, known = getattr(self, key), get_args(choices)
            if value not in known:
                raise ConfigError(f"{key} must be {' or '.join(known)}, not {value!r}")
        if self.microphone is not None and self.microphone not in get_args(Microphone):
            must = " or ".join(get_args(Microphone))
            raise ConfigError(f"microphone must be {must}, not {self.microphone!r}")
        if self.encoder is None:
            for key in ("encoder_lanes", "microphone", "clock_mhz"):
                if getattr(self, key) is not None:
                    raise ConfigError(f"{key}: there is no encoder; give --encoder")
        if self.clock_mhz is not None and self.microphone is None:
            raise ConfigError("clock_mhz: there is no microphone; give --microphone")


def semantics_of(given: str | Path | Mapping[str, Any] | SemanticsFile | None) -> SemanticsFile | None:
    """A semantics file, a mapping with its keys, or what is parsed already."""
    if given is None or isinstance(given, SemanticsFile):
        return given
    if isinstance(given, str | Path):
        return load_semantics(Path(given))
    return parse_semantics(dict(given), "semantics")


def run_compile(
    network: Any, output: Path, options: CompileOptions, *, force: bool
) -> tuple[BuildFolder, bool]:
    """Compile into ``output``, unless the same was compiled there; the build, and whether it was compiled."""
    folder = BuildFolder(output, force=force)
    graph = read_nir(network)
    content = Path(network).read_bytes() if isinstance(network, str | Path) else graph_bytes(graph)
    record = StageRecord(options=readable(options), inputs=inputs(content, options))
    if folder.stages and not force:
        folder.check()
    stem = Path(network).stem if isinstance(network, str | Path) else "network"

    def action(staging: Path) -> None:
        (staging / "network.nir").write_bytes(content)
        with waiting("compiling") as say:
            emit(staging, graph, stem, options, say)

    return folder, run_stage(folder, "compile", record, action, force=force)


def readable(options: CompileOptions) -> dict[str, Any]:
    """Options as the manifest and the report show them."""
    found = {field.name: getattr(options, field.name) for field in fields(options)}
    if options.encoder is not None:
        found["encoder"] = asdict(options.encoder)
    if options.semantics is not None:
        found["semantics"] = options.semantics.model_dump(mode="json", exclude_unset=True)
    for key in ("calibrate", "evaluate"):
        if isinstance(found[key], Dataset):
            found[key] = found[key].name
    return found


def inputs(content: bytes, options: CompileOptions) -> dict[str, str]:
    """Everything that the outputs depend on, by content."""
    found = {"network.nir": hash_bytes(content)}
    for key in ("calibrate", "evaluate"):
        data = getattr(options, key)
        if data is not None:
            found[key] = data_hash(data)
    return found | versions("compile", *PACKAGES)


def emit(staging: Path, graph: Any, stem: str, options: CompileOptions, say: Callable[[str], None]) -> None:
    """Compile and write everything but the graph itself."""
    coding = Coding.of_metadata(
        coding_of(graph), options.steps, options.bin_ms, options.polarity, options.encoder
    )
    name, semantics = decide_semantics(graph, options.semantics, options.source)
    effort, notes = effort_for(read_network(graph, semantics).inputs, options, coding, say)
    lowered = lower(
        graph,
        name=name or stem,
        semantics=semantics,
        weight_bits=options.weight_bits,
        state_bits=options.state_bits,
        lanes=options.lanes,
        rows=options.rows,
        contents=options.contents,
        effort=effort,
    )
    if options.encoder is not None:
        lowered, told = with_encoder(lowered, options.encoder, options.encoder_lanes)
        notes += told
    write_summary(staging / "semantics.json", asdict(lowered.semantics))
    write_config(lowered.chip, staging / "config.yaml")
    write_network(lowered.network, staging / "network.npz")
    write_images(lowered.chip, lowered.images, staging / "memory")
    write_chip(lowered.chip, staging / "rtl")
    if options.microphone is not None:
        notes += with_microphone(lowered.chip, options.microphone, options.clock_mhz, staging / "rtl")
    write_summary(staging / "compile.json", summarise(lowered, coding, options, effort, notes))


def coding_of(graph: Any) -> dict[str, Any] | None:
    """The coding that a graph's metadata say it was trained with."""
    metadata = getattr(graph, "metadata", None) or {}
    if METADATA_KEY not in metadata:
        return None
    coding = parse_json(metadata[METADATA_KEY], f"metadata {METADATA_KEY!r}").get("coding")
    return coding if isinstance(coding, dict) else None


def summarise(
    lowered: Lowered, coding: Coding, options: CompileOptions, effort: Effort, notes: tuple[str, ...]
) -> dict[str, Any]:
    """The object that ``spikewright compile --json`` prints; ``notes`` are told beside the compiler's."""
    network, chip = lowered.network, lowered.chip
    evaluated, shown = evaluation(lowered, options.evaluate, coding)
    told = dict.fromkeys([*lowered.notes, *notes, *evaluated.pop("notes", ())])
    return {
        "name": network.name,
        **lowered.summary.as_dict(),
        "contents": chip.contents,
        "area_model": asdict(estimate_area(chip, lowered.images)),
        "core_details": [core_details(network, core) for core in chip.cores],
        **evaluated,
        "encoder": next((asdict(port) for port in encoded_inputs(chip)), None),
        "quantization": losses(lowered, shown or effort.calibrate),
        "evaluate": options.evaluate.name if isinstance(options.evaluate, Dataset) else options.evaluate,
        "coding": asdict(coding),
        "decode": network.decode,
        "semantics": asdict(lowered.semantics),
        "notes": list(told),
    }


def core_details(network: IntegerNetwork, core: CoreConfig) -> dict[str, Any]:
    """One core in figures."""
    edges = network.edges_to(core.name)
    synapses = sum(edge.connections for edge in edges)
    nonzero = sum(int(edge.fan_out.sum()) for edge in edges)
    levels = {f"{core.name}.parameters", f"{core.name}.levels"}
    memory = [m for m in core_memories(core) if not m.state and m.name not in levels]
    return {
        "name": core.name,
        "neurons": core.neurons,
        "synapses": synapses,
        "nonzero_synapses": nonzero,
        "stored_weights": sum(edge.weights.size for edge in edges),
        "density": nonzero / max(1, synapses),
        "rows": core.rows.kind,
        "lanes": core.lanes,
        "memory_bits": sum(m.depth * m.width for m in memory),
        "weight_bits": core.weight_bits,
        "state_bits": core.neuron.state_bits,
        "current_bits": core.neuron.current.bits if core.neuron.current is not None else None,
        "accumulator_bits": core.accumulator_bits,
        "decay": decay_text(core.neuron.decay),
        "reset": f"{core.neuron.reset}, {core.neuron.reset_when}" if core.neuron.fires else "none",
        "fires": core.neuron.fires,
    }


def evaluation(
    lowered: Lowered, data: str | Dataset | None, coding: Coding
) -> tuple[dict[str, Any], Labelled | None]:
    """Accuracies of the float and of the integer network on the same events, their clocks; the data."""
    network = lowered.network
    found: dict[str, Any] = {"accuracy_float": None, "accuracy_integer": None, "evaluated_samples": None}
    if data is None:
        timing = forecast(lowered.chip, network, *nominal_events(lowered.chip, network))
        return found | {"timing": timing}, None
    from spikewright.models.integer import IntegerModel  # torch takes longer than the compilation
    from spikewright.models.real import RealModel

    stimulus = from_data(network.inputs, data, coding)
    if stimulus.y is None:
        raise ConfigError(f"data {stimulus.name!r}: has no labels to evaluate with")
    shown = labelled(network.inputs, stimulus)
    trace = IntegerModel(network).run(stimulus.x)
    for key, run in (
        ("accuracy_float", RealModel(lowered.real).run(shown.feed)),
        ("accuracy_integer", trace),
    ):
        found[key] = float((run.predict(network.decode, network.outputs[0]) == stimulus.y).mean())
    seen = {name: np.asarray(array)[:TIMED_SAMPLES] for name, array in {**stimulus.x, **trace.spikes}.items()}
    activity = f"the first {len(next(iter(seen.values())))} samples of {stimulus.name}"
    heard = {port.name: stimulus.sound[port.name][:TIMED_SAMPLES] for port in encoded_inputs(lowered.chip)}
    timing = forecast(lowered.chip, network, seen, activity, heard)
    return found | {"evaluated_samples": len(stimulus.y), "timing": timing, "notes": stimulus.notes}, shown
