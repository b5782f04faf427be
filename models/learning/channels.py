"""Structured pruning in training: channels of little activity go, those that the loss asks for come back."""

import math
from collections.abc import Sequence
from typing import Any, Literal

import torch

from spikewright.errors import ConfigError
from spikewright.models.learning.gates import ChannelGate, ChannelGroup
from spikewright.models.learning.weights import check_choice
from spikewright.models.neurons import Neurons

__all__ = ["ChannelGroup", "ChannelPruner", "Ramp", "Ranking", "Scope"]

Ranking = Literal["activity", "gamma", "random"]
Ramp = Literal["constant", "linear", "cubic"]
Scope = Literal["network", "layer"]


class ChannelPruner:
    """Prunes and regrows channels after every epoch, ranked over all groups together.

    Spiking Channel Activity-based pruning (SCA: Li et al., ICML 2024): of all ``N`` channels the
    ``keep - regrow`` share of highest activity stays, and of the others the ``regrow`` share with the largest
    gradient comes back. Activity is ``S_k``, the mean of ``s + |v|`` over time, samples and places of the
    epoch's batches, ``v`` after the reset.

    Differs from the paper in three points. Pruned channels keep their parameters (shadow weights) behind a
    mask on the output: zeroed ones, as in the paper, have no gradient to be ranked by. Regrowth ranks them by
    ``|dL/dmask_k|``, the sum of ``dL/dy * y`` of what the channel would give, averaged over the epoch's
    batches, not by the gradient of the normalisation's scale in the last batch. Masks hold all the time, so
    that what is evaluated is pruned. Weight decay and an optimizer's momentum do move shadow weights.
    A part of a training (:class:`spikewright.models.learning.part.Part`).

    Parameters
    ----------
    groups
        Layers whose channels are pruned; not the read-out.
    keep
        Share of all channels that is left after ``last_epoch``.
    regrow
        Share of all channels that comes back each time, below ``keep``.
    ranking
        By what live channels stay: ``activity``; ``gamma``, the absolute scale of the normalisation (Liu et
        al. 2017, network slimming); ``random``. Pruned ones come back by their gradient only.
    from_epoch, last_epoch
        First and last epoch, from 0, after which channels are pruned.
    schedule
        How the pruned share comes to ``1 - keep``: at once (``constant``), or over these epochs: ``linear``,
        ``cubic`` (Zhu & Gupta 2017).
    scope
        ``network``: channels of all groups are ranked together, as in the paper, which may leave a group next
        to nothing; ``layer``: each group keeps its part, and only what comes back is ranked together.
    fade
        Whether the share that comes back goes down to 0 over these epochs, as half a cosine (not in the
        paper): with real gradients a pruned channel nearly always asks for more than a trained one, so that
        otherwise as many new ones come in to the end, untrained.
    minimum
        Channels that a group keeps in any case.
    generator
        On the CPU; decides between equals, and draws ``random``.

    Raises
    ------
    ConfigError
        If an option is out of range, or a group lacks what is needed; while training, if neurons show no
        potential.
    """

    def __init__(
        self,
        groups: Sequence[ChannelGroup],
        *,
        keep: float,
        regrow: float,
        ranking: Ranking = "activity",
        from_epoch: int = 0,
        last_epoch: int,
        schedule: Ramp = "constant",
        scope: Scope = "network",
        fade: bool = False,
        minimum: int = 2,
        generator: torch.Generator,
    ) -> None:
        check_choice("ranking", ranking, ("activity", "gamma", "random"))
        check_choice("schedule", schedule, ("constant", "linear", "cubic"))
        check_choice("scope", scope, ("network", "layer"))
        if not 0 < keep <= 1:
            raise ConfigError(f"keep must be above 0 and at most 1, not {keep}")
        if not 0 <= regrow < keep:
            raise ConfigError(f"regrow must be at least 0 and below keep, {keep}, not {regrow}")
        if not 0 <= from_epoch <= last_epoch:
            raise ConfigError(f"from_epoch must be in 0..{last_epoch}, the last_epoch, not {from_epoch}")
        if minimum < 1:
            raise ConfigError(f"minimum must be at least 1, not {minimum}")
        names = [group.name for group in groups]
        if not groups or len(set(names)) < len(names):
            raise ConfigError(f"groups must have names of their own, not {', '.join(names) or 'none'}")
        modules = [id(group.module) for group in groups]
        twice = next((group.name for group in groups if modules.count(id(group.module)) > 1), None)
        if twice is not None:
            raise ConfigError(f"groups must mask modules of their own, not that of {twice!r} twice")
        self.groups = tuple(groups)
        self.ranking: Ranking = ranking
        self.from_epoch, self.last_epoch = from_epoch, last_epoch
        self.schedule: Ramp = schedule
        self.scope: Scope = scope
        self.fade = fade
        self.generator = generator
        self._gates = [ChannelGate(group) for group in groups]
        self._least = [min(minimum, gate.size) for gate in self._gates]
        self._total = sum(gate.size for gate in self._gates)
        self._final = round(keep * self._total)
        self._regrown = round(regrow * self._total)
        if self._final - self._regrown < sum(self._least):
            raise ConfigError(
                f"keep less regrow must leave the minimum of all groups, {sum(self._least)} of {self._total} "
                f"channels, not {self._final - self._regrown}"
            )
        if ranking == "gamma":
            for gate, group in zip(self._gates, groups, strict=True):
                scale = getattr(group.module, "weight", None)
                if not isinstance(scale, torch.Tensor) or scale.shape != (gate.size,):
                    raise ConfigError(
                        f"ranking must not be gamma: group {gate.name!r} has no scale a channel"
                    )
        self._handles = [
            handle
            for gate, group in zip(self._gates, groups, strict=True)
            for handle in gate.attach(group, watch=ranking == "activity")
        ]

    @property
    def share(self) -> float:
        """Share of all channels that is live."""
        return sum(int(gate.live().sum()) for gate in self._gates) / self._total

    @property
    def settled(self) -> bool:
        """Whether channels stay as they are from now on."""
        return not any(gate.mask.requires_grad for gate in self._gates)

    def masks(self) -> dict[str, torch.Tensor]:
        """Which channels are live, of every group: booleans ``(channels,)``."""
        return {gate.name: gate.live() for gate in self._gates}

    def remove(self) -> None:
        """Let go of the network, which is then whole again: take the channels out of it, or a copy, first."""
        for handle in self._handles:
            handle.remove()
        if self.ranking == "activity":
            for group in self.groups:
                if isinstance(group.neurons, Neurons):
                    group.neurons.observer = None

    def before_batch(self, update: int) -> None:  # noqa: ARG002
        """Listen to this batch."""
        for gate in self._gates:
            gate.listening, gate.mask.grad = gate.mask.requires_grad, None

    def after_update(self, update: int) -> None:  # noqa: ARG002
        """Take the gradients of the masks; what runs until the next batch does not count."""
        for gate in self._gates:
            gate.listening = False
            gate.take_gradient()

    def after_epoch(self, epoch: int) -> dict[str, float]:
        """Prune and regrow; the shares of all channels that are live, that went and that came back."""
        before = torch.cat([gate.live() for gate in self._gates])
        if self.from_epoch <= epoch <= self.last_epoch:
            self._update(self._live_after(epoch), self._regrown_after(epoch))
        for gate in self._gates:
            gate.renew()
        if epoch >= self.last_epoch:
            for gate in self._gates:
                gate.mask.requires_grad_(False)
        after = torch.cat([gate.live() for gate in self._gates])
        return {
            "channels": self.share,
            "pruned": int((before & ~after).sum()) / self._total,
            "regrown": int((after & ~before).sum()) / self._total,
        }

    def state_dict(self) -> dict[str, Any]:
        """Masks, what has been measured since the last epoch, the generator's state."""
        gates = {
            gate.name: {
                "mask": gate.live(),
                "activity": gate.activity.clone(),
                "seen": gate.seen,
                "wanted": gate.wanted.clone(),
                "evolving": gate.mask.requires_grad,
            }
            for gate in self._gates
        }
        return {"gates": gates, "generator": self.generator.get_state()}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken.

        Raises
        ------
        ConfigError
            If a group has no mask of its size there.
        """
        for gate in self._gates:
            kept = state["gates"].get(gate.name)
            if kept is None or kept["mask"].shape != (gate.size,):
                raise ConfigError(f"state must have a mask of {gate.size} channels of group {gate.name!r}")
        for gate in self._gates:
            kept = state["gates"][gate.name]
            with torch.no_grad():
                gate.mask.copy_(kept["mask"])
            gate.mask.requires_grad_(kept["evolving"])
            gate.activity.copy_(kept["activity"])
            gate.wanted.copy_(kept["wanted"])
            gate.seen = kept["seen"]
        self.generator.set_state(state["generator"])

    def _done(self, epoch: int) -> float:
        """Share of the pruning that is done after this epoch."""
        return (epoch - self.from_epoch + 1) / (self.last_epoch - self.from_epoch + 1)

    def _regrown_after(self, epoch: int) -> int:
        """Channels that come back after this epoch."""
        share = (1 + math.cos(math.pi * self._done(epoch))) / 2 if self.fade else 1.0
        return round(self._regrown * share)

    def _live_after(self, epoch: int) -> int:
        """Channels that are live after this epoch."""
        done = self._done(epoch)
        share = {"constant": 1.0, "linear": done, "cubic": 1 - (1 - done) ** 3}[self.schedule]
        return self._total - round((self._total - self._final) * share)

    @torch.no_grad()
    def _update(self, number: int, regrown: int) -> None:
        live = torch.cat([gate.live() for gate in self._gates])
        scores = torch.cat(
            [self._scores(gate, group) for gate, group in zip(self._gates, self.groups, strict=True)]
        )
        scores[~live] = -torch.inf  # they come back by their gradient only
        chosen = torch.zeros_like(live)
        wanted = torch.cat([gate.wanted.cpu() for gate in self._gates])
        order = self._ranked(scores)
        dead = order[~live[order]]  # of use where a group's own part grows
        order[live[order].sum() :] = dead[torch.argsort(wanted[dead], descending=True, stable=True)]
        start = 0
        for gate, least in zip(self._gates, self._least, strict=True):
            own = order[(order >= start) & (order < start + gate.size)]
            if self.scope == "layer":  # rounded down, so that all parts together are not too many
                least = max(least, gate.size * (number - regrown) // self._total)
            chosen[own[:least]] = True
            start += gate.size
        rest = order[~chosen[order]]
        chosen[rest[: number - regrown - int(chosen.sum())]] = True
        wanted[chosen] = -torch.inf
        chosen[self._ranked(wanted)[:regrown]] = True
        for gate, mask in zip(
            self._gates, torch.split(chosen, [gate.size for gate in self._gates]), strict=True
        ):
            gate.mask.copy_(mask)

    def _scores(self, gate: ChannelGate, group: ChannelGroup) -> torch.Tensor:
        if self.ranking == "random":
            return torch.zeros(gate.size, dtype=torch.float64)
        if self.ranking == "gamma":
            scale = group.module.weight
            assert isinstance(scale, torch.Tensor)  # checked at the start
            return scale.detach().abs().double().cpu()
        if not gate.seen:
            raise ConfigError(f"group {gate.name!r}: neurons must have run in a batch since the last epoch")
        return gate.activity.cpu() / gate.seen

    def _ranked(self, scores: torch.Tensor) -> torch.Tensor:
        """Indices from the highest score on, equals in random order."""
        order = torch.randperm(len(scores), generator=self.generator)
        return order[torch.argsort(scores[order], descending=True, stable=True)]
