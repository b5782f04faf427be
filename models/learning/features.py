"""What named layers of any network give in a run: recorded by hooks, averaged over time."""

from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Any, Literal, Self

import torch

from spikewright.errors import ConfigError
from spikewright.models.learning.weights import check_choice

__all__ = ["Features", "Time"]

Time = Literal["none", "axis", "calls"]


class Features:
    """Records outputs of submodules; a context manager, which lets go of the network at its end.

    Of a tuple the first item counts, the spikes. Outputs keep their graph.

    >>> with Features(student, ["neurons1"], time="axis") as features:
    ...     logits = student(x)
    ...     maps = features.take()

    Parameters
    ----------
    module
        Any network.
    names
        Paths of submodules, as ``get_submodule`` takes them.
    time
        Where the steps of a student are, which are averaged into rates: ``axis`` of the output; ``calls``,
        one a step; ``none``: a static network, which calls each submodule once.
    axis
        The axis of the steps: 1 of ``(batch, steps, ...)``, 0 of ``(steps, batch, ...)``.
    planes
        Shapes ``(channels, height, width)`` of outputs that come flattened, by name.

    Raises
    ------
    ConfigError
        If a name is unknown; when features are taken, if a submodule has not run, or ran more than once where
        ``time`` is not ``calls``, or its output does not fit the shapes told.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        names: Iterable[str],
        *,
        time: Time,
        axis: int = 1,
        planes: Mapping[str, tuple[int, ...]] | None = None,
    ) -> None:
        check_choice("time", time, ("none", "axis", "calls"))
        self.time: Time = time
        self.axis = axis
        self.planes = dict(planes or {})
        self._outputs: dict[str, list[torch.Tensor]] = {name: [] for name in names}
        found = []
        for name in self._outputs:
            try:
                found.append(module.get_submodule(name))
            except AttributeError:
                raise ConfigError(f"names must be submodules of the network, not {name!r}") from None
        for name in self.planes:
            if name not in self._outputs:
                raise ConfigError(f"planes must be of the names given, not of {name!r}")
        self._handles = [
            submodule.register_forward_hook(self._hook(name))
            for name, submodule in zip(self._outputs, found, strict=True)
        ]

    def _hook(self, name: str) -> Any:
        def record(_module: torch.nn.Module, _inputs: Any, output: Any) -> None:
            self._outputs[name].append(output[0] if isinstance(output, tuple) else output)

        return record

    def take(self) -> dict[str, torch.Tensor]:
        """Features since the last time, by name: ``(batch, channels, ...)``; and forget them."""
        outputs, self._outputs = self._outputs, {name: [] for name in self._outputs}
        return {name: self._static(name, seen) for name, seen in outputs.items()}

    def close(self) -> None:
        """Let go of the network."""
        for handle in self._handles:
            handle.remove()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _static(self, name: str, seen: list[torch.Tensor]) -> torch.Tensor:
        if not seen or (len(seen) > 1 and self.time != "calls"):
            wanted = "at least once" if self.time == "calls" else "once"
            raise ConfigError(
                f"submodule {name!r} must run {wanted} before its features are taken, not {len(seen)} times"
            )
        features = seen[0]
        if self.time == "calls":
            features = torch.stack(seen).mean(dim=0)
        elif self.time == "axis":
            if features.ndim < 3:
                raise ConfigError(
                    f"submodule {name!r} must have an axis of steps, not shape {tuple(features.shape)}"
                )
            features = features.mean(dim=self.axis)
        plane = self.planes.get(name)
        if plane is None:
            return features
        if features[0].numel() != torch.Size(plane).numel():
            raise ConfigError(
                f"submodule {name!r} must give planes {plane}, not shape {tuple(features.shape)}"
            )
        return features.reshape(len(features), *plane)
