"""Taking pruned channels out: a smaller network that computes what the masked one does."""

import copy
from collections.abc import Mapping
from typing import Any

import torch

from spikewright.errors import ConfigError
from spikewright.models.learning.gates import ChannelGate, ChannelGroup
from spikewright.models.learning.weights import make_plain
from spikewright.models.neurons import Neurons

__all__ = ["kept", "kept_places", "remove_channels", "sequential_groups", "slice_inputs", "slice_outputs"]

SYNAPSES = (torch.nn.Linear, torch.nn.Conv1d, torch.nn.Conv2d)
NORMS = (torch.nn.BatchNorm1d, torch.nn.BatchNorm2d)
PASSED = (
    torch.nn.AvgPool1d,
    torch.nn.AvgPool2d,
    torch.nn.MaxPool1d,
    torch.nn.MaxPool2d,
    torch.nn.AdaptiveAvgPool2d,
    torch.nn.Dropout,
    torch.nn.Dropout2d,
    torch.nn.Flatten,
    torch.nn.Identity,
)
"""What gives 0 where it is given 0, channel by channel."""
WIRED = (
    torch.nn.Linear,
    torch.nn.modules.conv._ConvNd,
    torch.nn.RNNBase,
    torch.nn.RNNCellBase,
    torch.nn.modules.batchnorm._NormBase,
    torch.nn.GroupNorm,
    torch.nn.LayerNorm,
    torch.nn.RMSNorm,
)
"""What gives other channels than it is given, or no 0 for a drive of 0: no part of neurons."""


def kept(mask: torch.Tensor) -> torch.Tensor:
    """Indices of the channels that a mask ``(channels,)`` leaves, ascending, int64."""
    return mask.nonzero().squeeze(1)


def kept_places(mask: torch.Tensor, places: int) -> torch.Tensor:
    """Indices into flattened planes, ``channels * places`` channel by channel, of the channels that are left.

    Parameters
    ----------
    mask
        ``(channels,)``.
    places
        Of a channel: height times width.
    """
    return kept(mask.bool().repeat_interleave(places))


def slice_outputs(values: torch.Tensor, mask: torch.Tensor, places: int = 1) -> torch.Tensor:
    """A weight ``(outputs, ...)``, or a bias, without the outputs of pruned channels.

    ``places`` is above 1 where ``outputs`` are flattened planes.
    """
    return values.index_select(0, kept_places(mask, places).to(values.device))


def slice_inputs(values: torch.Tensor, mask: torch.Tensor, places: int = 1) -> torch.Tensor:
    """A weight ``(outputs, inputs, ...)`` without the inputs from pruned channels.

    ``places`` is above 1 where ``inputs`` are flattened planes.
    """
    return values.index_select(1, kept_places(mask, places).to(values.device))


def sequential_groups(network: torch.nn.Sequential) -> list[ChannelGroup]:
    """Every layer of a sequence but the last: what gives the neurons their drive, and the neurons after it.

    Layers are linear or convolutional synapses, a batch normalisation where there is one, neurons; pooling,
    dropout and flattening may stand between. Any other module counts as neurons. Groups are named as the
    module that is masked. After linear synapses channels are the last axis, else axis 1.

    Raises
    ------
    ConfigError
        If it is no sequence, what stands for neurons holds synapses or a normalisation of its own, or a layer
        stands twice.
    """
    last = _last_synapses(network)
    groups: list[ChannelGroup] = []
    pending: tuple[str, torch.nn.Module] | None = None
    axis = 1
    for name, module in _children(network):
        if name == last:
            break
        if isinstance(module, SYNAPSES):
            pending, axis = (name, module), -1 if isinstance(module, torch.nn.Linear) else 1
        elif isinstance(module, NORMS):
            pending, axis = pending and (name, module), 1
        elif not isinstance(module, PASSED) and pending is not None:
            _check_neurons(name, module)
            if any(group.module is pending[1] for group in groups):
                raise ConfigError(f"module {pending[0]!r}: must not stand twice to lose channels")
            groups.append(ChannelGroup(name=pending[0], module=pending[1], neurons=module, axis=axis))
            pending = None
    return groups


def remove_channels(network: torch.nn.Sequential, masks: Mapping[str, torch.Tensor]) -> torch.nn.Sequential:
    """A network without the pruned channels, whose outputs are those of the masked one, but for rounding.

    A pruned channel has a drive of 0 (or masked spikes), so its neurons are silent and what leads to and from
    them can go. The network given stays as it is; neurons are copied with their options, at rest.

    Parameters
    ----------
    network
        As of :func:`sequential_groups`.
    masks
        Booleans ``(channels,)`` by the name of the masked module: of the normalisation, of synapses without
        one, or of the neurons. Layers not named stay whole.

    Raises
    ------
    ConfigError
        If it is no sequence, a name is not that of such a module or of the last layer, a mask has another
        size or leaves nothing, or pruned channels would reach a grouped convolution, a normalisation that
        follows neurons, or a module with synapses or a normalisation within.
    """
    last = _last_synapses(network)
    children = _children(network)
    names = [name for name, _ in children]
    for name in masks:
        if name not in names:
            raise ConfigError(f"masks must name modules of the network, not {name!r}")
    made: list[tuple[str, torch.nn.Module]] = []
    unused = set(masks)
    live: torch.Tensor | None = None  # channels at this point; None before the first synapses
    fired = False
    for index, (name, module) in enumerate(children):
        if isinstance(module, SYNAPSES):
            source, live = live, torch.ones(module.weight.shape[0], dtype=torch.bool)
            wanted = None if name == last else _mask_of(children[index:], masks)
            if wanted is not None:
                live = _checked(wanted, masks[wanted], len(live))
                unused.discard(wanted)
            made.append((name, _synapses(name, module, source, live)))
            fired = False
        elif isinstance(module, NORMS):
            if fired and live is not None and not live.all():
                raise ConfigError(
                    f"module {name!r}: a normalisation after neurons must not have pruned channels"
                )
            made.append((name, _copied(module) if live is None else _norm(module, live)))
        elif isinstance(module, PASSED):
            whole = live is None or bool(live.all())
            partly = isinstance(module, torch.nn.Flatten) and (module.start_dim, module.end_dim) != (1, -1)
            if partly and not whole:
                raise ConfigError(f"module {name!r}: must flatten all axes but the first")
            made.append((name, copy.deepcopy(module)))
        else:
            if live is not None and not live.all():
                _check_neurons(name, module)
            made.append((name, _neurons(module, live)))
            fired = True
    if unused:
        raise ConfigError(
            "masks must name what drives neurons last, a normalisation before bare synapses, "
            f"and not the last layer, not {min(unused)!r}"
        )
    smaller = torch.nn.Sequential()
    for name, module in made:
        smaller.add_module(name, module)
    return smaller.train(network.training)


def _last_synapses(network: torch.nn.Sequential) -> str | None:
    names = [name for name, module in _children(network) if isinstance(module, SYNAPSES)]
    return names[-1] if names else None


def _children(network: torch.nn.Sequential) -> list[tuple[str, torch.nn.Module]]:
    """What the sequence runs, in its order; ``named_children`` leaves out a module that stands again."""
    if type(network).forward is not torch.nn.Sequential.forward:
        kind = type(network).__name__
        must = "must be a torch.nn.Sequential, which runs its modules in order"
        raise ConfigError(f"network {must}, not {kind}")
    return [(name, module) for name, module in network._modules.items() if module is not None]


def _check_neurons(name: str, module: torch.nn.Module) -> None:
    """Refuse what is taken for neurons and is more: a block, recurrent synapses, a normalisation."""
    within = next((own for own in module.modules() if isinstance(own, WIRED)), None)
    if within is not None:
        raise ConfigError(
            f"module {name!r}: must be neurons, channel by channel, behind pruned channels, "
            f"not hold a {type(within).__name__}"
        )


def _mask_of(children: list[tuple[str, torch.nn.Module]], masks: Mapping[str, torch.Tensor]) -> str | None:
    """The name under which the layer that begins here is masked."""
    candidate: str | None = children[0][0]
    for name, module in children[1:]:
        if isinstance(module, NORMS):
            candidate = name  # what a mask before it would make 0 is no longer 0 after it
        elif isinstance(module, SYNAPSES):
            return None  # no neurons: a drive of 0 is not yet one that can go
        elif not isinstance(module, PASSED):
            return name if name in masks else candidate if candidate in masks else None
    return None


def _checked(name: str, mask: torch.Tensor, size: int) -> torch.Tensor:
    if mask.shape != (size,) or not mask.any():
        raise ConfigError(f"mask {name!r} must leave at least one of {size} channels, not {list(mask.shape)}")
    return mask.detach().bool().cpu()


def _synapses(
    name: str, module: torch.nn.Module, source: torch.Tensor | None, target: torch.Tensor
) -> torch.nn.Module:
    """The same synapses between the channels that are left."""
    weight, bias = module.weight, module.bias
    assert isinstance(weight, torch.Tensor)
    inputs = weight.shape[1]
    cut = not target.all() or (source is not None and not source.all())
    if cut and getattr(module, "groups", 1) != 1:
        raise ConfigError(f"module {name!r}: a convolution in groups must not have pruned channels")
    if source is not None and cut:
        places = inputs // len(source)
        if places * len(source) != inputs or (places > 1 and not isinstance(module, torch.nn.Linear)):
            raise ConfigError(f"module {name!r}: its {inputs} inputs must come from {len(source)} channels")
        weight = slice_inputs(weight, source, places)
    weight = slice_outputs(weight, target)
    made = _copied(module)  # of its own class, which may do more than torch's
    for attribute in list(getattr(made, "parametrizations", ())):
        make_plain(made, attribute)
    if isinstance(module, torch.nn.Linear):
        made.out_features, made.in_features = weight.shape
    else:
        made.out_channels, made.in_channels = weight.shape[0], weight.shape[1] * made.groups
    made.weight = torch.nn.Parameter(weight.detach().clone())
    if isinstance(bias, torch.Tensor):
        made.bias = torch.nn.Parameter(slice_outputs(bias, target).detach().clone())
    return made  # type: ignore[no-any-return]


def _norm(module: torch.nn.Module, live: torch.Tensor) -> torch.nn.Module:
    made = _copied(module)
    made.num_features = int(live.sum())
    for name in ("weight", "bias"):
        parameter = getattr(made, name)
        if parameter is not None:
            setattr(made, name, torch.nn.Parameter(slice_outputs(parameter.detach(), live)))
    for name in ("running_mean", "running_var"):
        statistic = getattr(made, name)
        if statistic is not None:
            setattr(made, name, slice_outputs(statistic, live))
    return made  # type: ignore[no-any-return]


def _neurons(module: torch.nn.Module, live: torch.Tensor | None) -> torch.nn.Module:
    """Neurons with the parameters of the channels that are left, at rest."""
    made = _copied(module)
    for own in made.modules():
        if isinstance(own, Neurons):
            own.observer = None
        known = getattr(own, "instances", None)
        if isinstance(known, list):  # by which snnTorch's utils.reset finds neurons: it misses copies
            known.append(own)
        if live is not None:
            for name, parameter in own._parameters.items():
                if parameter is not None:
                    own._parameters[name] = torch.nn.Parameter(_of_channels(parameter.detach(), live))
            for name, values in own._buffers.items():
                own._buffers[name] = None if values is None else _of_channels(values, live)
    for name in ("reset_mem", "reset"):  # of snnTorch, where reset is a tensor, and of SpikingJelly
        action = getattr(made, name, None)
        if callable(action):
            action()
            break
    return made  # type: ignore[no-any-return]


def _of_channels(values: torch.Tensor, live: torch.Tensor) -> torch.Tensor:
    """Of one value a channel, ``(channels,)`` or ``(channels, 1, 1)``, those left; others as they are."""
    if values.numel() != len(live) or len(live) not in values.shape:
        return values
    return values.index_select(list(values.shape).index(len(live)), kept(live).to(values.device))


def _copied(module: torch.nn.Module) -> Any:
    """A copy without the graph that a last run has left in it, and without gates."""
    memo: dict[int, Any] = {}
    for own in module.modules():
        for value in (*vars(own).values(), *own._buffers.values()):
            if isinstance(value, torch.Tensor) and not value.is_leaf:
                memo[id(value)] = value.detach().clone()
    made = copy.deepcopy(module, memo)
    for own in made.modules():
        for key, hook in list(own._forward_hooks.items()):
            if isinstance(getattr(hook, "__self__", None), ChannelGate):
                del own._forward_hooks[key]
    return made
