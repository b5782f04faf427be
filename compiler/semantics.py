"""What NIR does not carry: the step, the reset, the comparison. Read from YAML, a framework, or metadata."""

from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, Field, ValidationError

from spikewright.compiler.frameworks import framework
from spikewright.compiler.validation import STRICT, Number, PositiveNumber, refuse
from spikewright.compiler.yaml_text import load_yaml, read_text
from spikewright.errors import ConfigError
from spikewright.network import Decode
from spikewright.neuron import Decay

__all__ = [
    "DecaySpec",
    "InputSpec",
    "NodeSpec",
    "Semantics",
    "SemanticsFile",
    "load_semantics",
    "parse_semantics",
    "resolve_semantics",
]

MAX_BYTES = 1 << 20
"""A semantics file is written by a person."""

StateBits = Annotated[int, Field(ge=8, le=24)]
WeightBits = Annotated[int, Field(ge=2, le=16)]
LoopInput = Literal["as_drawn", "neurons"]
LeakGain = Literal["integrated", "dt/tau", "one"]
CurrentGain = Literal["integrated", "w_in", "decay"]


class InputSpec(BaseModel):
    """How one input comes in; see :class:`spikewright.network.InputPort`."""

    model_config = STRICT
    kind: Literal["drive", "hold"] = "drive"
    value_bits: Annotated[int, Field(ge=0, le=16)] = 0
    value_scale: PositiveNumber = 1.0
    max_events: Annotated[int, Field(ge=1, le=255)] = 1


class DecaySpec(BaseModel):
    """The integer decay that a population was trained with, or is to have."""

    model_config = STRICT
    kind: Literal["none", "shift", "multiply"]
    shift: Annotated[int, Field(ge=0, le=23)] = 0
    factor: Annotated[int, Field(ge=0, le=1 << 16)] = 0
    fraction_bits: Annotated[int, Field(ge=0, le=16)] = 0

    def decay(self) -> Decay:
        """The same as the contract writes it."""
        if self.kind == "shift":
            return Decay(kind="shift", shift=self.shift)
        if self.kind == "multiply":
            return Decay(kind="multiply", factor=(self.factor,), fraction_bits=self.fraction_bits)
        return Decay()


class NodeSpec(BaseModel):
    """What the step of a neuron hangs on, every key optional: of one node, or of all."""

    model_config = STRICT
    integration: Literal["euler", "exponential"] | None = None
    leak_gain: LeakGain | None = None
    if_gain: Literal["dt*r", "r"] | None = None
    cuba_order: Literal["current_first", "potential_first"] | None = None
    current_gain: CurrentGain | None = None
    reset: Literal["subtract", "zero", "none"] | None = None
    reset_when: Literal["now", "next"] | None = None
    compare: Literal["gt", "ge"] | None = None
    max_spikes_per_step: Annotated[int, Field(ge=1, le=255)] | None = None
    v_min: Number | None = None


class SemanticsFile(NodeSpec):
    """A semantics file, every key optional; docs/configuration.md describes them."""

    nodes: dict[str, NodeSpec] | None = None
    dt: PositiveNumber | None = None
    loop_input: LoopInput | None = None
    delayed_edges: list[Annotated[list[str], Field(min_length=2, max_length=2)]] | None = None
    decode: Decode | None = None
    inputs: dict[str, InputSpec] | None = None
    scales: dict[str, PositiveNumber] | None = None
    decays: dict[str, DecaySpec] | None = None
    weight_bits: WeightBits | None = None
    state_bits: StateBits | dict[str, StateBits] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Semantics:
    """Semantics with every key decided.

    Parameters
    ----------
    origins
        Where each key's value comes from: ``semantics``, ``--source NAME``, ``metadata`` or ``default``.
    notes
        What is to be told with it.
    trained_bits
        Weight bits that ``scales``, ``decays`` and ``state_bits`` of the metadata belong to; they hold only
        for these.
    """

    dt: float = 1e-3
    integration: Literal["euler", "exponential"] = "euler"
    leak_gain: LeakGain = "integrated"
    if_gain: Literal["dt*r", "r"] = "dt*r"
    cuba_order: Literal["current_first", "potential_first"] = "current_first"
    current_gain: CurrentGain = "integrated"
    reset: Literal["subtract", "zero", "none"] = "zero"
    reset_when: Literal["now", "next"] = "now"
    compare: Literal["gt", "ge"] = "gt"
    max_spikes_per_step: int = 1
    v_min: float | None = None
    nodes: dict[str, NodeSpec] = field(default_factory=dict)
    loop_input: LoopInput = "as_drawn"
    delayed_edges: tuple[tuple[str, str], ...] = ()
    decode: Decode | None = None
    inputs: dict[str, InputSpec] = field(default_factory=dict)
    scales: dict[str, float] = field(default_factory=dict)
    decays: dict[str, DecaySpec] = field(default_factory=dict)
    weight_bits: int | None = None
    state_bits: int | dict[str, int] | None = None
    trained_bits: int | None = None
    origins: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    def of(self, node: str) -> "Semantics":
        """Semantics of one neuron node: with what ``nodes`` says of it."""
        return replace(self, nodes={}, **chosen(self.nodes[node])) if node in self.nodes else self

    def check(self, place: str) -> None:
        """Refuse what contradicts itself."""
        if self.max_spikes_per_step > 1 and (self.reset, self.reset_when) != ("subtract", "now"):
            raise ConfigError(
                f"{place}: max_spikes_per_step above 1 needs reset subtract, now, not"
                f" {self.reset}, {self.reset_when}"
            )


KEYS = ("dt", *(key for key in SemanticsFile.model_fields if key != "dt"))
KEYS_WITHIN = {
    key: tuple(spec.model_fields)
    for key, spec in (("nodes", NodeSpec), ("inputs", InputSpec), ("decays", DecaySpec))
}


def load_semantics(path: Path) -> SemanticsFile:
    """Read a semantics YAML; what is wrong with it is said in one line."""
    return parse_semantics(load_yaml(read_text(path, MAX_BYTES), str(path)), str(path))


def parse_semantics(data: object, place: str) -> SemanticsFile:
    """Check a mapping with the keys of a semantics file."""
    if not isinstance(data, dict):
        raise ConfigError(f"{place}: must be a mapping of keys to values, not {type(data).__name__}")
    try:
        return SemanticsFile.model_validate(data)
    except ValidationError as error:
        refuse(error, place, KEYS, within=KEYS_WITHIN)


def resolve_semantics(
    given: SemanticsFile | None = None, source: str | None = None, metadata: SemanticsFile | None = None
) -> Semantics:
    """Decide every key: by the semantics file, else the framework, else the metadata, else the default."""
    values: dict[str, Any] = {}
    origins = dict.fromkeys(KEYS, "default")
    notes: tuple[str, ...] = ()
    layers: list[tuple[str, dict[str, Any]]] = []
    if metadata is not None:
        layers.append(("metadata", chosen(metadata)))
    if source is not None:
        row = framework(source)
        layers.append((f"--source {source}", row.semantics))
        notes = row.notes
    if given is not None:
        layers.append(("semantics", chosen(given)))
    for origin, layer in layers:
        values |= layer
        origins |= dict.fromkeys(layer, origin)
    if "delayed_edges" in values:
        values["delayed_edges"] = tuple((edge[0], edge[1]) for edge in values["delayed_edges"])
    trained_bits = metadata.weight_bits if metadata is not None else None
    semantics = replace(Semantics(), **values, origins=origins, trained_bits=trained_bits, notes=notes)
    for node in ("", *semantics.nodes):
        semantics.of(node).check(f"semantics: nodes.{node}" if node else "semantics")
    return semantics


def chosen(layer: NodeSpec) -> dict[str, Any]:
    """The keys that a file, or a node in it, sets, in their order.

    ``v_min: null`` counts as set, since it says that there is none.
    """
    return {
        key: getattr(layer, key)
        for key in type(layer).model_fields
        if key in layer.model_fields_set and (getattr(layer, key) is not None or key == "v_min")
    }
