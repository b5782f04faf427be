"""What the stage ``cosim`` keeps of injected faults, and when it holds them enough."""

from collections.abc import Mapping
from typing import Any

from spikewright.cosim.outcomes import Injection, Outcome

__all__ = ["DETECTED_SHARE", "FAULT_COUNTS", "faults_found", "faults_summary"]

FAULT_COUNTS = ("injected", "effective", "detected", "located")

DETECTED_SHARE = 0.95
"""The check fails where it finds a smaller share of the effective faults than this."""


def faults_found(summary: Mapping[str, Any]) -> bool:
    """Whether enough of the injected faults were detected; where none had an effect, nothing is shown."""
    if summary.get("injected") is None:
        return True
    effective, detected = int(summary["effective"]), int(summary["detected"])
    return effective > 0 and detected >= DETECTED_SHARE * effective


def faults_summary(injection: Injection, seed: int) -> dict[str, Any]:
    """The object in ``cosim/faults.json``: counts, by kind too, and every fault."""
    return {
        **injection.count(),
        "samples": injection.samples,
        "steps": injection.steps,
        "seed": seed,
        "seconds": injection.seconds,
        "by_kind": {kind: injection.count(kind) for kind in ("logic", "contents", "state")},
        "faults": [_entry(number, outcome) for number, outcome in enumerate(injection.outcomes)],
    }


def _entry(number: int, outcome: Outcome) -> dict[str, Any]:
    fault = outcome.fault
    return {
        "number": number,
        "kind": fault.kind,
        "where": fault.where,
        "how": fault.how,
        "population": fault.population,
        "effective": outcome.effective,
        "effect": outcome.effect,
        "detected": outcome.detected,
        "found": outcome.found,
        "located": outcome.located,
    }
