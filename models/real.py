"""The network in real numbers: what a NIR graph means before quantization."""

import torch

from spikewright.ir import RealEdge, RealNetwork
from spikewright.models.forward import Advanced, ForwardModel
from spikewright.models.inputs import Feed, check_reals
from spikewright.network import Edge

__all__ = ["RealModel"]


class RealModel(ForwardModel):
    """Runs a :class:`RealNetwork`: the same step as the integer network, without rounding or saturation.

    Inputs are values of the float network (what a port quantizes as ``round(x * value_scale)``); those of a
    hold port stay until the next step with any value but 0 on a hold port of the population.

    Parameters
    ----------
    network
        What to run.
    dtype
        ``torch.float64`` or ``torch.float32``.
    memory_bytes
        Samples are run in chunks of about so much memory.
    """

    def __init__(
        self, network: RealNetwork, *, dtype: torch.dtype = torch.float64, memory_bytes: int = 1 << 28
    ) -> None:
        self._dtype = dtype
        self._no_drive = dtype
        super().__init__(network, memory_bytes=memory_bytes)
        self.network = network

    def _check(self, feed: Feed) -> dict[str, torch.Tensor]:
        return check_reals(self.network.inputs, feed)

    def _weights(self, edge: Edge | RealEdge) -> torch.Tensor:
        return torch.from_numpy(edge.weights).to(self._dtype)

    def _advance(self, index: int, drive: torch.Tensor) -> Advanced:
        population = self.network.populations[index]
        arrays = (population.decay, population.bias, population.threshold)
        decay, bias, threshold = (torch.from_numpy(array).to(drive) for array in arrays)
        reset_amount, reset_value = (
            torch.from_numpy(array).to(drive) for array in (population.reset_amount, population.reset_value)
        )
        subtract, now = population.reset == "subtract", population.reset_when == "now"
        samples, steps, size = drive.shape
        counts = torch.uint8 if population.max_spikes <= 255 else torch.int32
        outputs = torch.empty(samples, steps, size, dtype=counts if population.fires else self._dtype)
        outputs = outputs.to(drive.device)
        potential = torch.zeros_like(drive[:, 0])
        spikes = torch.zeros_like(potential)
        for step in range(steps):
            integrated = decay * potential + drive[:, step] + bias
            if population.fires and not now and subtract:
                integrated = integrated - spikes * reset_amount
            if population.v_min is not None:
                integrated = integrated.clamp(min=population.v_min)
            if population.fires and not now and not subtract:
                integrated = torch.where(spikes > 0, reset_value, integrated)
            potential = integrated
            if not population.fires:
                outputs[:, step] = potential
                continue
            spikes = torch.zeros_like(potential)
            for _ in range(population.max_spikes):
                over = potential > threshold if population.compare == "gt" else potential >= threshold
                spikes += over
                if now:
                    lowered = potential - reset_amount
                    potential = torch.where(over, lowered if subtract else reset_value, potential)
                if population.max_spikes == 1 or not bool(over.any()):
                    break
            outputs[:, step] = spikes
        return outputs, {"potential": potential}
