"""Losses over the layers of two networks that differ, and all that a student learns from, in one sum."""

from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch.nn.functional import cross_entropy

from spikewright.errors import ConfigError
from spikewright.models.learning.adapters import ChannelAdapter, same_plane
from spikewright.models.learning.distillation import (
    Divergence,
    attention_loss,
    attention_map,
    channel_margins,
    feature_loss,
    response_loss,
    soft_target_loss,
)
from spikewright.models.learning.weights import check_choice

__all__ = ["AttentionLoss", "DistillationLoss", "FeatureLoss", "Maps"]

Maps = Mapping[str, torch.Tensor]
"""Features by name, ``(batch, channels, ...)``."""


class FeatureLoss(torch.nn.Module):
    """Feature-based distillation: a student's rate maps, adapted, against a teacher's (KDSNN, CVPR 2023).

    :meth:`fit` must see one batch of both first, before a state is loaded too; the adapters are parameters,
    for the optimizer of the student.

    Parameters
    ----------
    pairs
        Names of a student's and a teacher's features.
    kind
        ``margin``: an adapter with normalisation for each pair, partial L2 to the margin ReLU of what the
        teacher gives before its ReLU (Heo et al. 2019). ``mse``: plain squares, an adapter only where
        channels differ.
    generator
        Draws the adapters' weights.
    per
        As of :func:`spikewright.models.learning.distillation.feature_loss`.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[str, str]],
        *,
        kind: Literal["margin", "mse"] = "margin",
        generator: torch.Generator,
        per: Literal["element", "sample"] = "element",
    ) -> None:
        super().__init__()
        check_choice("kind", kind, ("margin", "mse"))
        check_choice("per", per, ("element", "sample"))
        self.pairs = _checked(pairs)
        self.kind: Literal["margin", "mse"] = kind
        self.per: Literal["element", "sample"] = per
        self.generator = generator
        self.adapters = torch.nn.ModuleList()

    @torch.no_grad()
    def fit(self, student: Maps, teacher: Maps) -> None:
        """Build the adapters and set the margins from features of one batch.

        Raises
        ------
        ConfigError
            If a name is missing or planes do not fit.
        """
        adapters = torch.nn.ModuleList()
        for index, pair in enumerate(self.pairs):
            ours, theirs = same_plane(*_both(pair, student, teacher), pair)
            channels = ours.shape[1], theirs.shape[1]
            margin = self.kind == "margin"
            if margin or channels[0] != channels[1]:
                adapter = ChannelAdapter(*channels, generator=self.generator, normalize=margin)
                adapters.append(adapter.to(ours.device))
            else:
                adapters.append(torch.nn.Identity())
            if margin:
                self.register_buffer(f"margins{index}", channel_margins(theirs))
        self.adapters = adapters

    def forward(self, student: Maps, teacher: Maps) -> torch.Tensor:
        """The sum over the pairs."""
        if len(self.adapters) != len(self.pairs):
            raise ConfigError("features must be fitted to one batch before there is a loss")
        losses = []
        for index, (pair, adapter) in enumerate(zip(self.pairs, self.adapters, strict=True)):
            ours, theirs = same_plane(*_both(pair, student, teacher), pair)
            margins = self.get_buffer(f"margins{index}") if self.kind == "margin" else None
            losses.append(feature_loss(adapter(ours), theirs, margins, self.per))
        return torch.stack(losses).sum()


class AttentionLoss(torch.nn.Module):
    """Layer-wise distillation by attention maps: half the sum of their distances.

    Zagoruyko & Komodakis 2017, eq. 2, as LaSNN (Hong et al. 2023) uses it on rates. Channels need not fit; of
    planes that differ, the larger map is averaged down. Nothing is trained; :meth:`fit` only checks shapes.

    Parameters
    ----------
    pairs
        Names of a student's and a teacher's features.
    power, epsilon, squared
        As of :func:`spikewright.models.learning.distillation.attention_map` and ``attention_loss``.
    """

    def __init__(
        self,
        pairs: Sequence[tuple[str, str]],
        *,
        power: float = 2.0,
        epsilon: float = 1.0,
        squared: bool = False,
    ) -> None:
        super().__init__()
        if not power >= 1:
            raise ConfigError(f"power must be at least 1, not {power}")
        if not epsilon > 0:
            raise ConfigError(f"epsilon must be above 0, not {epsilon}")
        self.pairs = _checked(pairs)
        self.power, self.epsilon, self.squared = power, epsilon, squared

    @torch.no_grad()
    def fit(self, student: Maps, teacher: Maps) -> None:
        """Check that all pairs are there and fit each other."""
        self(student, teacher)

    def forward(self, student: Maps, teacher: Maps) -> torch.Tensor:
        """Half the sum over the pairs."""
        losses = []
        for pair in self.pairs:
            ours, theirs = _both(pair, student, teacher)
            if 2 in (ours.ndim, theirs.ndim) and ours.shape != theirs.shape:
                raise ConfigError(
                    f"features {pair[0]!r} and {pair[1]!r} must have as many units where they have no plane, "
                    f"not shapes {tuple(ours.shape)} and {tuple(theirs.shape)}"
                )
            maps = [attention_map(features, self.power).unsqueeze(1) for features in (ours, theirs)]
            small = same_plane(maps[0], maps[1], pair)
            losses.append(attention_loss(*small, self.epsilon, squared=self.squared))
        return torch.stack(losses).sum() / 2


class DistillationLoss(torch.nn.Module):
    """All that a student learns from: labels, a teacher's outputs or a virtual teacher's, and its layers.

    ``(1 - alpha) * labels + alpha * response + beta * layers``.

    Parameters
    ----------
    alpha
        Share of the response, 0 to 1.
    temperature, divergence
        Of the response.
    layers
        Loss over features, if any; its adapters become parameters of this module.
    beta
        Factor of the loss over features, at least 0.
    """

    def __init__(
        self,
        *,
        alpha: float = 0.0,
        temperature: float = 1.0,
        divergence: Divergence = "cross_entropy",
        layers: FeatureLoss | AttentionLoss | None = None,
        beta: float = 0.0,
    ) -> None:
        super().__init__()
        check_choice("divergence", divergence, ("cross_entropy", "kl"))
        if not 0 <= alpha <= 1:
            raise ConfigError(f"alpha must be in 0..1, not {alpha}")
        if not temperature > 0:
            raise ConfigError(f"temperature must be above 0, not {temperature}")
        if not beta >= 0:
            raise ConfigError(f"beta must be at least 0, not {beta}")
        self.alpha, self.temperature, self.beta = alpha, temperature, beta
        self.divergence: Divergence = divergence
        self.layers = layers

    def forward(
        self,
        student_logits: torch.Tensor,
        labels: torch.Tensor,
        *,
        teacher_logits: torch.Tensor | None = None,
        targets: torch.Tensor | None = None,
        student: Maps | None = None,
        teacher: Maps | None = None,
    ) -> torch.Tensor:
        """The loss, a scalar.

        Parameters
        ----------
        student_logits
            ``(batch, classes)``.
        labels
            ``(batch,)``.
        teacher_logits, targets
            ``(batch, classes)``: of a teacher, or softened probabilities; one of them unless ``alpha`` is 0.
        student, teacher
            Features by name, where there is a loss over layers.
        """
        loss = (1 - self.alpha) * cross_entropy(student_logits, labels)
        if self.alpha:
            if (teacher_logits is None) == (targets is None):
                raise ConfigError(
                    "alpha must be 0 where there is no teacher: give its logits or targets, one of both"
                )
            if teacher_logits is not None:
                response = response_loss(student_logits, teacher_logits, self.temperature, self.divergence)
            else:
                assert targets is not None  # one of both
                response = soft_target_loss(student_logits, targets, self.temperature, self.divergence)
            loss = loss + self.alpha * response
        if self.layers is not None and self.beta:
            if student is None or teacher is None:
                raise ConfigError("beta must be 0 where there are no features of student and teacher")
            loss = loss + self.beta * self.layers(student, teacher)
        return loss


def _checked(pairs: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    if not pairs:
        raise ConfigError("pairs must name at least one feature of student and teacher, not none")
    return list(pairs)


def _both(pair: tuple[str, str], student: Maps, teacher: Maps) -> tuple[torch.Tensor, torch.Tensor]:
    for name, maps, whose in ((pair[0], student, "student"), (pair[1], teacher, "teacher")):
        if name not in maps:
            raise ConfigError(f"pairs must name features of the {whose}, {', '.join(maps)}, not {name!r}")
    return student[pair[0]], teacher[pair[1]]
