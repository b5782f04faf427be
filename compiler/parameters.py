"""Levels of neurons in memory: those that differ, neuron by neuron; those that all share, as one word."""

from typing import Literal

import numpy as np

from spikewright.compiler.bounds import levels_array
from spikewright.compiler.words import Image, Integers, pack, unpack
from spikewright.config import CoreConfig, Parameter, ParameterName, level_bits
from spikewright.errors import ConfigError
from spikewright.fixed import signed_bits, signed_range
from spikewright.network import Population
from spikewright.neuron import Levels, NeuronConfig

__all__ = [
    "core_parameters",
    "levels_image",
    "parameter_image",
    "parameter_levels",
    "unpack_levels_word",
    "unpack_parameters",
]


def parameter_levels(neuron: NeuronConfig) -> dict[ParameterName, Levels]:
    """Levels that this arithmetic uses, in the order of their fields."""
    levels: dict[ParameterName, Levels] = {}
    if neuron.fires:
        levels["compare"] = neuron.compare
        if neuron.reset == "set":
            levels["reset_value"] = neuron.reset_value
        elif not neuron.resets_by_compare:
            levels["reset_amount"] = neuron.reset_amount
    levels["bias"] = neuron.bias
    if neuron.decay.kind == "multiply":
        levels["decay"] = neuron.decay.factor
    if neuron.current is not None:
        levels["current_bias"] = neuron.current.bias
        if neuron.current.decay.kind == "multiply":
            levels["current_decay"] = neuron.current.decay.factor
    return levels


def loaded_bits(neuron: NeuronConfig) -> dict[ParameterName, int]:
    """Widths of levels that are loaded: enough for any that states of such a width can have."""
    names: tuple[ParameterName, ...] = ("compare", "reset_amount", "reset_value", "bias")
    bits = dict.fromkeys(names, neuron.state_bits) | {"decay": neuron.decay.fraction_bits + 1}
    if neuron.current is not None:
        bits["current_bias"] = neuron.current.bits
        bits["current_decay"] = neuron.current.decay.fraction_bits + 1
    return bits


def core_parameters(
    population: Population, contents: Literal["baked", "bus"]
) -> tuple[tuple[Parameter, ...], tuple[Parameter, ...]]:
    """Fields of the parameter memory, and of the word of shared levels.

    Baked: only levels that vary, as wide as they need. Loaded over the bus: every level the arithmetic
    uses, wide enough for any that a state of that width can have; but no bias where all are zero.
    """
    neuron = population.neuron
    parameters: list[Parameter] = []
    shared: list[Parameter] = []
    for name, levels in parameter_levels(neuron).items():
        if len(levels) not in (1, population.size):
            raise ConfigError(
                f"{population.name}: {name} must have 1 or {population.size} levels, not {len(levels)}"
            )
        uniform = len(set(levels)) == 1
        if uniform and (contents == "baked" or (name in ("bias", "current_bias") and not any(levels))):
            continue
        signed = name not in ("decay", "current_decay")
        if contents == "bus" or not signed:
            bits = loaded_bits(neuron)[name]
        else:
            # A place without a neuron compares with the highest level, which must be above its potential, 0.
            bits = max(level_bits(levels), signed_bits(0, 1) if name == "compare" else 1)
        low, high = signed_range(bits) if signed else (0, (1 << bits) - 1)
        if not low <= min(levels) <= max(levels) <= high:
            raise ConfigError(
                f"{population.name}: {name} must be in {low}..{high} to be loaded,"
                f" not {min(levels)}..{max(levels)}"
            )
        (shared if uniform else parameters).append(Parameter(name=name, bits=bits, signed=signed))
    return tuple(parameters), tuple(shared)


def levels_image(core: CoreConfig) -> Image:
    """The word of shared levels."""
    levels = parameter_levels(core.neuron)
    fields = np.array([[levels[level.name][0] for level in core.levels]], np.int64)
    return pack(fields, [level.bits for level in core.levels])


def parameter_image(core: CoreConfig) -> Image:
    """Words of the parameter memory: by slot, for every lane its fields."""
    return pack(placed_levels(core).reshape(core.slots, -1), field_bits(core))


def placed_levels(core: CoreConfig) -> Integers:
    """Fields of every place, ``(slots, lanes, parameters)``.

    Without a neuron they are 0, but the compare level is the highest: such a place never fires.
    """
    places = np.array(core.placement, np.int64)
    levels = parameter_levels(core.neuron)
    fields = np.zeros((len(places), len(core.parameters)), np.int64)
    for column, parameter in enumerate(core.parameters):
        values = levels_array(levels[parameter.name], core.neurons)
        fields[places >= 0, column] = values[places[places >= 0]]
        if parameter.name == "compare":
            fields[places < 0, column] = signed_range(parameter.bits)[1]
    return fields.reshape(core.slots, core.lanes, len(core.parameters))


def field_bits(core: CoreConfig) -> list[int]:
    """Widths of the fields of a word, from the lowest."""
    return [parameter.bits for parameter in core.parameters] * core.lanes


def unpack_levels_word(core: CoreConfig, image: Image) -> dict[ParameterName, Levels]:
    """Shared levels that an image holds, each once."""
    fields = unpack(image, [level.bits for level in core.levels], [level.signed for level in core.levels])
    return {level.name: (int(value),) for level, value in zip(core.levels, fields[0], strict=True)}


def unpack_parameters(core: CoreConfig, image: Image) -> dict[ParameterName, Levels]:
    """Levels by neuron that an image of the parameter memory holds."""
    signed = [parameter.signed for parameter in core.parameters] * core.lanes
    fields = unpack(image, field_bits(core), signed).reshape(len(core.placement), -1)
    places = np.array(core.placement, np.int64)
    order = np.argsort(places[places >= 0])
    return {
        parameter.name: tuple(fields[places >= 0, column][order].tolist())
        for column, parameter in enumerate(core.parameters)
    }
