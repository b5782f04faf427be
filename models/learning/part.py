"""What takes part in a training beside the optimizer: masks that evolve, channels that come and go."""

from typing import Any, Protocol

__all__ = ["Part"]


class Part(Protocol):
    """Changes a network while it is trained; the trainer calls it at these moments, in this order."""

    def before_batch(self, update: int) -> None:
        """Called before the forward pass that leads to an update of the optimizer, counted from 0."""

    def after_update(self, update: int) -> None:
        """Called after the optimizer has stepped; gradients are still those of the step."""

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Called after the last update of an epoch, counted from 0; gives figures for the log."""

    def state_dict(self) -> dict[str, Any]:
        """All that a resumed training needs and the network does not hold: tensors and plain values."""

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Take over what :meth:`state_dict` gave."""
