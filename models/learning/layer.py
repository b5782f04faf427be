"""A layer to train: synapses, an optional normalisation, a bias, neurons; in the end on integers."""

import math
from collections.abc import Iterator
from typing import Any

import torch

from spikewright.errors import ConfigError
from spikewright.fixed import signed_range
from spikewright.ir import Reals
from spikewright.models.learning.synapses import Synapses
from spikewright.models.neurons import Neurons
from spikewright.models.quantize import best_scale, round_through, weight_codes

__all__ = ["Rectifiers", "SpikingLayer"]

HEADROOM = 4
"""States hold at least so many thresholds, or so many times the highest read-out that calibration saw."""


class Rectifiers(Neurons):
    """Units of an analog network in the place of neurons: ``max(drive, 0)``, at once and without memory."""

    def step(
        self, state: tuple[torch.Tensor, torch.Tensor], current: torch.Tensor
    ) -> tuple[torch.Tensor, tuple[torch.Tensor, torch.Tensor]]:
        """The rectified drive; no state changes."""
        return current.relu(), state

    def quantize(self, scale: float, state_bits: int) -> None:  # noqa: ARG002 (refuses whatever they are)
        """Refused: hardware has neurons."""
        raise ConfigError("network: an analog network has no integers; convert it first")


class Gate(torch.nn.Identity):
    """The drive of a layer on its way to the neurons, ``(samples, channels, places)``: may be masked here.

    ``weight`` is the scale that the layer's normalisation gives each channel, if it has one.
    """

    def __init__(self, weight: torch.Tensor | None) -> None:
        super().__init__()
        self.__dict__["weight"] = weight  # not a parameter a second time


class SpikingLayer(torch.nn.Module):
    """Synapses, a bias (of each channel, where they are a convolution) and neurons.

    Parameters
    ----------
    value_scale
        So many codes of the source stand for a value of 1.0.
    norm
        Whether the drive is normalised over the batch. On integers, and whenever the layer is not being
        trained, weights and biases have the normalisation folded in (:meth:`weights`, :meth:`biases`); so
        they have for a batch that gives each channel one value only, which has no variance.
    generator
        Draws weights from the layer's neurons to themselves, a step later, if given.
    """

    def __init__(
        self,
        synapses: Synapses,
        neurons: Neurons,
        *,
        name: str,
        value_scale: float = 1.0,
        norm: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        super().__init__()
        channels = synapses.weight.shape[0]
        self.synapses = synapses
        self.norm = torch.nn.BatchNorm1d(channels) if norm else None
        # A normalisation has a bias, which then is the layer's.
        self.bias = torch.nn.Parameter(torch.zeros(channels)) if self.norm is None else self.norm.bias
        self.gate = Gate(None if self.norm is None else self.norm.weight)
        self.neurons = neurons
        self.name = name
        self.value_scale = value_scale
        self.recurrent: torch.nn.Parameter | None = None
        if generator is not None:
            size = synapses.size
            drawn = torch.randn(size, size, generator=generator) * (0.5 / math.sqrt(size))
            self.recurrent = torch.nn.Parameter(drawn)
        self.weight_bits: int | None = None

    @property
    def plane(self) -> tuple[int, ...]:
        """Shape of the neurons in the plane, if they have one."""
        convolution = self.synapses.convolution
        return () if convolution is None or convolution.target[1:] == (1, 1) else convolution.target

    def quantize(self, weight_bits: int, state_bits: int, peak_potential: float) -> None:
        """Go over to the integer grid that fits the weights best and leaves states headroom."""
        room = math.floor(signed_range(state_bits)[1] / (HEADROOM * peak_potential))
        if room < 1:
            raise ConfigError(f"state_bits: {state_bits} are too few for potentials of {peak_potential:.3g}")
        # A recurrent weight has no value scale: as if it had the sources', so that one search fits both.
        trained = [self._folded().flatten()]
        if self.recurrent is not None:
            trained.append(self.recurrent.flatten() * self.value_scale)
        scale = best_scale(torch.cat(trained), weight_bits, self.value_scale)
        self.neurons.quantize(min(scale, room), state_bits)
        self.weight_bits = weight_bits

    def weights(self) -> torch.Tensor:
        """What an input code of 1 adds to the potential: integers if quantized; norms are folded in."""
        weight = self._folded()
        if self.weight_bits is None:
            return weight / self.value_scale
        return weight_codes(weight, self.neurons.scale, self.weight_bits, self.value_scale)

    def biases(self) -> torch.Tensor:
        """What every step adds to the potential, a channel: integers if quantized; norms are folded in."""
        bias: torch.Tensor = self.bias
        if self.norm is not None:
            assert self.norm.running_mean is not None
            bias = bias - self.norm.running_mean * self._gain()
        return bias if self.weight_bits is None else round_through(bias * self.neurons.scale)

    def forward(self, x: torch.Tensor, steps: int | None = None) -> torch.Tensor:
        """Outputs ``(batch, steps, size)`` for codes ``(batch, steps, size of the source)``, or held ones.

        Held codes ``(batch, size of the source)`` stay for ``steps`` steps.
        """
        flat = x.flatten(0, 1) if steps is None else x
        several = len(flat) * self.synapses.size > self.synapses.weight.shape[0]
        if self.norm is not None and self.training and self.weight_bits is None and several:
            weight = self.synapses.weight / self.value_scale
            drive = self.norm(self._by_channel(self.synapses.drive(flat, weight, None)))
        else:
            drive = self.synapses.drive(flat, self.weights(), self.biases())
            if self.weight_bits is not None and self.synapses.convolution is not None:
                drive = round_through(
                    drive
                )  # torch may transform convolutions, and miss integers by a little
            drive = self._by_channel(drive)
        # A masked neuron must not fire by what its own layer sends it either: that comes in below.
        drive = (drive if self.recurrent is not None else self.gate(drive)).flatten(1)
        if steps is None:
            drive = drive.unflatten(0, x.shape[:2])
        if self.recurrent is None:
            outputs: torch.Tensor = self.neurons(drive, steps)
            return outputs
        weights = self.recurrent_weights()
        drives = drive.unbind(1) if steps is None else (drive,) * steps
        spikes, kept = torch.zeros_like(drives[0]), []
        state = self.neurons.rest(spikes)
        for current in drives:
            current = current + torch.nn.functional.linear(spikes, weights)
            spikes, state = self.neurons.step(state, self.gate(current.unsqueeze(-1)).squeeze(-1))
            kept.append(spikes)
        return torch.stack(kept, dim=1)

    def recurrent_weights(self) -> torch.Tensor:
        """What a spike of the layer adds to its potentials a step later: integers if quantized."""
        assert self.recurrent is not None
        if self.weight_bits is None:
            return self.recurrent
        return weight_codes(self.recurrent, self.neurons.scale, self.weight_bits)

    def edges(self, source: str) -> Iterator[tuple[str, torch.Tensor, Synapses | None, int, float]]:
        """Source, weights, synapses in space, delay and value scale of every edge into the layer."""
        yield source, self.synapses.kernel(self.weights()), self.synapses, 0, self.value_scale
        if self.recurrent is not None:
            yield self.name, self.recurrent_weights(), None, 1, 1.0

    def neuron_biases(self) -> Reals:
        """Bias of each neuron, ``(size,)``, in codes if quantized."""
        biases: Reals = self.biases().detach().double().cpu().numpy()
        return biases.repeat(self.synapses.size // len(biases))

    def get_extra_state(self) -> dict[str, Any]:
        """The grid, which a resumed training needs; it is no tensor."""
        grid = self.neurons.integers
        bits = None if grid is None else grid.state_bits
        return {"weight_bits": self.weight_bits, "state_bits": bits, "scale": self.neurons.scale}

    def set_extra_state(self, state: dict[str, Any]) -> None:
        """Go over to the grid that the state names."""
        self.weight_bits = state["weight_bits"]
        if state["state_bits"] is not None:
            self.neurons.quantize(state["scale"], state["state_bits"])

    def _by_channel(self, drive: torch.Tensor) -> torch.Tensor:
        return drive.reshape(len(drive), self.synapses.weight.shape[0], -1)

    def _gain(self) -> torch.Tensor:
        """What the normalisation multiplies each channel by."""
        assert self.norm is not None
        assert self.norm.running_var is not None
        return self.norm.weight / (self.norm.running_var + self.norm.eps).sqrt()

    def _folded(self) -> torch.Tensor:
        weight: torch.Tensor = self.synapses.weight
        return weight if self.norm is None else weight * self._gain().view(-1, *(1,) * (weight.ndim - 1))
