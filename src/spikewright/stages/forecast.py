"""What a chip's clocks will be, said at compilation: the timing model on the events that are at hand."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikewright.config import ChipConfig
from spikewright.cosim.timing import predict_cycles
from spikewright.network import IntegerNetwork

__all__ = ["forecast", "nominal_events"]

PROBABILITY, SAMPLES, STEPS = 0.1, 4, 25
"""Where there are no data: random spikes, as many in every layer."""


def forecast(
    chip: ChipConfig, network: IntegerNetwork, events: Mapping[str, Any], activity: str
) -> dict[str, Any]:
    """Clocks of such a run, as ``timing`` of ``compile --json``.

    Parameters
    ----------
    events
        Of every input and firing population, ``(samples, steps, ...)``.
    activity
        What these are, for people.
    """
    predicted = predict_cycles(chip, network, events)
    samples, steps = next(iter(events.values())).shape[:2]
    return {
        "activity": activity,
        "samples": samples,
        "steps": steps,
        "cycles_per_step": predicted.step_cycles,
        "cycles_per_inference": float(predicted.cycles.mean()),
        "event_cycles": predicted.event_cycles,
        "update_cycles": predicted.update_cycles,
        "error_percent": 2.0,
    }


def nominal_events(network: IntegerNetwork) -> tuple[dict[str, Any], str]:
    """Random spikes in every layer, always the same, and what they are."""
    rng = np.random.default_rng(0)
    sizes = {port.name: port.size for port in network.inputs}
    sizes |= {population.name: population.size for population in network.populations}
    events = {name: rng.random((SAMPLES, STEPS, size)) < PROBABILITY for name, size in sizes.items()}
    return events, f"random spikes, {PROBABILITY:.0%} in every layer"
