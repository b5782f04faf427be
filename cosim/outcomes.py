"""What came of injected faults."""

from dataclasses import dataclass

from spikewright.cosim.faults import Fault

__all__ = ["Injection", "Outcome"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What came of a fault.

    Parameters
    ----------
    effect
        What the probe saw; None where nothing differs.
    found
        What the checker reported first; None where it reported nothing.
    located
        The report names where it starts, and that fits the fault as far as it is known.
    """

    fault: Fault
    effect: str | None
    found: str | None
    located: bool

    @property
    def effective(self) -> bool:
        """Whether it did anything."""
        return self.effect is not None

    @property
    def detected(self) -> bool:
        """Whether the checker reported it."""
        return self.found is not None


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """All faults of a campaign and what came of them; ``samples`` of ``steps`` were run with each."""

    outcomes: tuple[Outcome, ...]
    samples: int
    steps: int
    seconds: float

    def count(self, kind: str | None = None) -> dict[str, int]:
        """Faults injected; effective; of these detected; of these located."""
        of_kind = [o for o in self.outcomes if kind is None or o.fault.kind == kind]
        effective = [outcome for outcome in of_kind if outcome.effective]
        detected = [outcome for outcome in effective if outcome.detected]
        return {
            "injected": len(of_kind),
            "effective": len(effective),
            "detected": len(detected),
            "located": sum(outcome.located for outcome in detected),
        }
