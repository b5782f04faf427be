"""What a chip's clocks will be, said at compilation: the timing model on the events that are at hand."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from spikewright.config import ChipConfig
from spikewright.cosim.timing import predict_cycles
from spikewright.models.encoders import Encoder, Sound, encode_sound
from spikewright.network import IntegerNetwork

__all__ = ["forecast", "nominal_events"]

PROBABILITY, SAMPLES, STEPS = 0.1, 4, 25
"""Where there are no data: random spikes, as many in every layer."""
LOUDNESS = 0.1
"""Standard deviation of the noise that encoders hear then."""


def forecast(
    chip: ChipConfig, network: IntegerNetwork, events: Mapping[str, Any], activity: str,
    sound: Mapping[str, Sound] | None = None,
) -> dict[str, Any]:
    """Clocks of such a run, as ``timing`` of ``compile --json``.

    Parameters
    ----------
    events
        Of every input and firing population, ``(samples, steps, ...)``.
    activity
        What these are, for people.
    sound
        Of inputs that an encoder stands behind: what their events are made of.
    """
    predicted = predict_cycles(chip, network, events, sound)
    samples, steps = next(iter(events.values())).shape[:2]
    return {
        "activity": activity,
        "samples": samples,
        "steps": steps,
        "cycles_per_step": predicted.step_cycles,
        "cycles_per_inference": float(predicted.cycles.mean()),
        "event_cycles": predicted.event_cycles,
        "update_cycles": predicted.update_cycles,
        "encoder_cycles": predicted.encoder_cycles,
        "error_percent": 2.0,
    }


def nominal_events(
    chip: ChipConfig, network: IntegerNetwork
) -> tuple[dict[str, Any], str, dict[str, Sound]]:
    """Random spikes in every layer, and of noise where sound comes in; what they are; the noise."""
    rng = np.random.default_rng(0)
    sizes = {port.name: port.size for port in network.inputs}
    sizes |= {population.name: population.size for population in network.populations}
    events: dict[str, Any] = {
        name: rng.random((SAMPLES, STEPS, size)) < PROBABILITY for name, size in sizes.items()}
    sound = {port.name: noise(port.encoder, rng) for port in chip.inputs if port.encoder is not None}
    for port in chip.inputs:
        if port.encoder is not None:
            events[port.name] = encode_sound(port.encoder, sound[port.name])
    heard = f"; noise at {LOUDNESS:.0%} of full scale into encoders" if sound else ""
    return events, f"random spikes, {PROBABILITY:.0%} in every layer{heard}", sound


def noise(encoder: Encoder, rng: np.random.Generator) -> Sound:
    """White noise that lasts all steps."""
    full = 1 << (encoder.pcm_bits - 1)
    loud = rng.normal(0, LOUDNESS * full, (SAMPLES, STEPS * encoder.step))
    return Sound(samples=tuple(np.rint(loud).clip(-full, full - 1).astype(np.int64)), steps=STEPS)
