"""A mask over the channels of one layer, and how active and how wanted each of them has been."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import torch

from spikewright.errors import ConfigError
from spikewright.models.neurons import Neurons

__all__ = ["ChannelGate", "ChannelGroup", "potential_of"]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class ChannelGroup:
    """Channels of one layer, which come and go one by one.

    Parameters
    ----------
    name
        Of the group, in masks, logs and errors; that of ``module`` in the network, for
        :func:`spikewright.models.learning.removal.remove_channels`.
    module
        What gives the channels their drive last: the normalisation, or the synapses where there is none; its
        output is multiplied by the mask, so that a pruned channel has a drive of 0, bias included. Where the
        surrogate's derivative is 0 at rest (a triangle as wide as the threshold), no gradient comes back to
        such a channel: name the neurons themselves then, whose spikes are masked instead.
    neurons
        What fires; its activity counts.
    axis
        Which axis of the module's output has the channels: 1 for ``(batch, channels, ...)``, -1 for
        ``(..., channels)``. It may hold flattened planes, ``channels * places``, channel by channel.
    neuron_axis
        The same for the spikes, if not ``axis``. :class:`spikewright.models.neurons.Neurons` are watched step
        by step: their outputs have no axis of steps here.
    channels
        How many; by default the module's ``num_features``, ``out_channels``, ``out_features`` or the length
        of its ``weight``.
    """

    name: str
    module: torch.nn.Module
    neurons: torch.nn.Module
    axis: int = 1
    neuron_axis: int | None = None
    channels: int | None = None

    @property
    def size(self) -> int:
        """How many channels there are."""
        if self.channels is not None:
            return self.channels
        for attribute in ("num_features", "out_channels", "out_features"):
            number = getattr(self.module, attribute, None)
            if isinstance(number, int):
                return number
        weight = getattr(self.module, "weight", None)
        if isinstance(weight, torch.Tensor) and weight.ndim:
            return len(weight)
        raise ConfigError(f"group {self.name!r}: channels must be given for a {type(self.module).__name__}")


class ChannelGate:
    """Masks the channels of a group and measures them, by hooks.

    It holds tensors only, no modules, so that a copy of the network has a working gate of its own.
    """

    def __init__(self, group: ChannelGroup) -> None:
        self.name = group.name
        self.size = group.size
        self.axis = group.axis
        self.neuron_axis = group.axis if group.neuron_axis is None else group.neuron_axis
        self.mask = torch.ones(self.size, requires_grad=True)
        self.listening = False
        self.activity = torch.zeros(self.size, dtype=torch.float64)
        self.seen = 0
        self.wanted = torch.zeros(self.size, dtype=torch.float64)

    def attach(self, group: ChannelGroup, *, watch: bool) -> list[Any]:
        """Hook on to the group's modules; handles to let go by."""
        handles: list[Any] = []
        if watch and isinstance(group.neurons, Neurons):
            if group.neurons.observer is not None or not group.neurons.rule.fires:
                raise ConfigError(f"group {self.name!r}: neurons must fire and have no observer yet")
            group.neurons.observer = self.observe
        elif watch:
            handles.append(group.neurons.register_forward_hook(self.watch))
        handles.append(group.module.register_forward_hook(self.gate))
        return handles

    def gate(self, _module: torch.nn.Module, _inputs: Any, output: Any) -> Any:
        """The output, 0 in pruned channels; of a tuple, its first item."""
        if isinstance(output, tuple):
            return (self.gate(_module, _inputs, output[0]), *output[1:])
        self._to(output.device)
        places = self._places(output, self.axis, "the output")
        mask = self.mask if places == 1 else self.mask.repeat_interleave(places)
        shape = [1] * output.ndim
        shape[self.axis] = -1
        return output * mask.to(output.dtype).view(shape)

    def watch(self, module: torch.nn.Module, _inputs: Any, output: Any) -> None:
        """Count the activity of neurons that show their potential."""
        if self.listening:
            spikes = output[0] if isinstance(output, tuple) else output
            potential = potential_of(module, output)
            if potential is None:
                raise ConfigError(
                    f"group {self.name!r}: neurons must give (spikes, ..., potential) or keep it as v, "
                    f"v_seq, mem or potential, in the spikes' shape, unlike {type(module).__name__}"
                )
            self.observe(spikes, potential)

    @torch.no_grad()
    def observe(self, spikes: torch.Tensor, potential: torch.Tensor) -> None:
        """Add ``spikes + |potential|`` of these neurons."""
        if not self.listening:
            return
        self._to(spikes.device)
        self._places(spikes, self.neuron_axis, "the spikes")
        values = (spikes + potential.abs()).movedim(self.neuron_axis, 0).reshape(self.size, -1)
        self.activity += values.sum(dim=1)
        self.seen += values.shape[1]

    def take_gradient(self) -> None:
        """Add the absolute gradient of the loss with respect to the mask, and forget it."""
        if self.mask.grad is not None:
            self.wanted += self.mask.grad.abs().double()
            self.mask.grad = None

    def renew(self) -> None:
        """Measure from the start."""
        self.activity.zero_()
        self.wanted.zero_()
        self.seen = 0
        self.mask.grad = None

    def live(self) -> torch.Tensor:
        """Which channels are not pruned, booleans ``(channels,)`` on the CPU."""
        return self.mask.detach().cpu() > 0

    def _to(self, device: torch.device) -> None:
        if self.mask.device != device:
            self.mask = self.mask.detach().to(device).requires_grad_(self.mask.requires_grad)
            self.activity, self.wanted = self.activity.to(device), self.wanted.to(device)

    def _places(self, values: torch.Tensor, axis: int, what: str) -> int:
        """Places that a channel has along the axis."""
        if not -values.ndim <= axis < values.ndim or values.shape[axis] % self.size:
            raise ConfigError(
                f"group {self.name!r}: axis {axis} of {what} must hold a multiple of {self.size} "
                f"channels, not be one of {tuple(values.shape)}"
            )
        return values.shape[axis] // self.size


def potential_of(module: torch.nn.Module, output: Any) -> torch.Tensor | None:
    """The potential of neurons that have just run, if they show one of their spikes' shape.

    It is taken from the last item of a tuple (a tensor, or a state with an attribute), else from the module:
    ``v_seq`` or ``v`` (SpikingJelly), ``mem`` (snnTorch), ``potential``. snnTorch resets in the next step by
    default: its potential is then the one before the reset.
    """
    spikes = output[0] if isinstance(output, tuple) else output
    for holder in _holders(module, output):
        candidates = [holder] if isinstance(holder, torch.Tensor) else [
            getattr(holder, name, None) for name in ("v_seq", "v", "mem", "potential")
        ]  # fmt: skip
        for candidate in candidates:
            if isinstance(candidate, torch.Tensor) and candidate.shape == spikes.shape:
                return candidate
    return None


def _holders(module: torch.nn.Module, output: Any) -> Iterable[Any]:
    if isinstance(output, tuple) and len(output) > 1:
        yield output[-1]
    yield module
