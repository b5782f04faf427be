"""Losses by which a spiking student learns from a teacher: from its outputs, features and attention maps."""

from typing import Literal

import torch
from torch.nn.functional import log_softmax, softmax

from spikewright.errors import ConfigError
from spikewright.models.learning.weights import check_choice

__all__ = [
    "Divergence",
    "attention_loss",
    "attention_map",
    "channel_margins",
    "feature_loss",
    "margin_relu",
    "partial_distance",
    "response_loss",
    "soft_target_loss",
    "virtual_teacher",
]

Divergence = Literal["cross_entropy", "kl"]


def response_loss(
    student_logits: torch.Tensor,
    teacher_logits: torch.Tensor,
    temperature: float,
    divergence: Divergence = "cross_entropy",
) -> torch.Tensor:
    """What the student's softened outputs lack of the teacher's (Hinton et al. 2015, section 2).

    Parameters
    ----------
    student_logits, teacher_logits
        ``(batch, classes)``, of a spiking network the mean over its steps; the teacher gets no gradient.
    temperature
        ``tau`` that divides the logits of both, above 0; the loss is scaled by ``tau**2``, so that its
        gradients keep their size.
    divergence
        ``cross_entropy``, or ``kl``, which is less by the teacher's entropy and so 0 at best; the gradients
        are the same.

    Returns
    -------
    torch.Tensor
        Scalar, the mean over the batch.

    Raises
    ------
    ConfigError
        If shapes differ or an option is out of range.
    """
    if not temperature > 0:
        raise ConfigError(f"temperature must be above 0, not {temperature}")
    targets = softmax(teacher_logits.detach() / temperature, dim=1)
    return soft_target_loss(student_logits, targets, temperature, divergence)


def soft_target_loss(
    student_logits: torch.Tensor,
    targets: torch.Tensor,
    temperature: float,
    divergence: Divergence = "cross_entropy",
) -> torch.Tensor:
    """The same for probabilities ``(batch, classes)`` that are softened already: of a virtual teacher."""
    check_choice("divergence", divergence, ("cross_entropy", "kl"))
    if not temperature > 0:
        raise ConfigError(f"temperature must be above 0, not {temperature}")
    _same_shape("logits", student_logits, targets)
    crossed = -(targets * log_softmax(student_logits / temperature, dim=1)).sum(dim=1)
    if divergence == "kl":
        crossed = crossed + torch.xlogy(targets, targets).sum(dim=1)
    return temperature**2 * crossed.mean()


def virtual_teacher(
    labels: torch.Tensor, classes: int, correct: float, temperature: float = 1.0
) -> torch.Tensor:
    """Probabilities of a teacher that is always right, and as sure of it as told (Yuan et al. 2020, Tf-KD).

    Parameters
    ----------
    labels
        ``(batch,)``, 0 to ``classes - 1``.
    classes
        How many, at least 2.
    correct
        Probability of the label, above ``1 / classes``, at most 1; the other classes share the rest.
    temperature
        Softens them: each to the power of ``1 / temperature``, and normalised again.

    Returns
    -------
    torch.Tensor
        ``(batch, classes)``.

    Raises
    ------
    ConfigError
        If an option or a label is out of range.
    """
    if classes < 2:
        raise ConfigError(f"classes must be at least 2, not {classes}")
    if not 1 / classes < correct <= 1:
        raise ConfigError(f"correct must be above 1/{classes} and at most 1, not {correct}")
    if not temperature > 0:
        raise ConfigError(f"temperature must be above 0, not {temperature}")
    if len(labels) and not 0 <= int(labels.min()) <= int(labels.max()) < classes:
        raise ConfigError(f"labels must be in 0..{classes - 1}, not {int(labels.min())}..{int(labels.max())}")
    others = (1 - correct) / (classes - 1)
    probabilities = torch.full((len(labels), classes), others, device=labels.device)
    probabilities[torch.arange(len(labels), device=labels.device), labels] = correct
    softened = probabilities ** (1 / temperature)
    return softened / softened.sum(dim=1, keepdim=True)


def channel_margins(features: torch.Tensor) -> torch.Tensor:
    """Mean of each channel's negative values, ``(channels,)``, 0 where there is none (Heo et al. 2019).

    Parameters
    ----------
    features
        The teacher's, before its ReLU, ``(batch, channels, ...)``.
    """
    values = features.detach().transpose(0, 1).flatten(1)
    negative = values < 0
    return (values * negative).sum(dim=1) / negative.sum(dim=1).clamp(min=1)


def margin_relu(features: torch.Tensor, margins: torch.Tensor) -> torch.Tensor:
    """``max(x, margin of the channel)``; margins ``(channels,)`` are at most 0 (Heo et al. 2019)."""
    return torch.maximum(features, margins.view(1, -1, *[1] * (features.ndim - 2)))


def partial_distance(student: torch.Tensor, teacher: torch.Tensor) -> torch.Tensor:
    """Squared distance, elementwise, 0 where ``student <= teacher <= 0``: partial L2 of Heo et al. 2019."""
    enough = (student <= teacher) & (teacher <= 0)
    return torch.where(enough, 0.0, (student - teacher).square())


def feature_loss(
    student: torch.Tensor,
    teacher: torch.Tensor,
    margins: torch.Tensor | None = None,
    per: Literal["element", "sample"] = "element",
) -> torch.Tensor:
    """Distance of a student's features, already of the teacher's shape, from the teacher's.

    Parameters
    ----------
    student
        ``(batch, channels, ...)``: rates, the mean of spikes over the steps, through an adapter.
    teacher
        The same shape, before the ReLU where margins are given; gets no gradient.
    margins
        With them: partial L2 to the teacher's margin ReLU (Heo et al. 2019, as KDSNN uses it); without: the
        plain mean squared error.
    per
        Mean over all elements, or sum over the elements of a sample and mean over samples.

    Returns
    -------
    torch.Tensor
        Scalar.

    Raises
    ------
    ConfigError
        If shapes differ or an option is out of range.
    """
    check_choice("per", per, ("element", "sample"))
    _same_shape("features", student, teacher)
    wanted = teacher.detach()
    if margins is None:
        distance = (student - wanted).square()
    else:
        distance = partial_distance(student, margin_relu(wanted, margins))
    return distance.mean() if per == "element" else distance.sum() / len(distance)


def attention_map(features: torch.Tensor, power: float = 2.0) -> torch.Tensor:
    """Where a layer is active: ``sum over channels of |F|**power`` (Zagoruyko & Komodakis 2017, section 3.1).

    Parameters
    ----------
    features
        ``(batch, channels, *plane)``, or ``(batch, size)``, whose units then are places of one channel.
    power
        At least 1: below, a silent unit has an infinite gradient.

    Returns
    -------
    torch.Tensor
        ``(batch, *plane)``, or ``(batch, size)``.
    """
    if not power >= 1:
        raise ConfigError(f"power must be at least 1, not {power}")
    if features.ndim < 2:
        raise ConfigError(f"features must be (batch, channels, ...), not of shape {tuple(features.shape)}")
    values = features.abs() ** power
    return values if features.ndim == 2 else values.sum(dim=1)


def attention_loss(
    student_map: torch.Tensor, teacher_map: torch.Tensor, epsilon: float = 1.0, *, squared: bool = False
) -> torch.Tensor:
    """How far apart two attention maps are, each of norm 1 (Zagoruyko & Komodakis 2017, eq. 2; LaSNN).

    ``|| Q_s / n(Q_s) - Q_t / n(Q_t) ||_2`` with ``n(Q) = sqrt(sum Q**2 + epsilon)``, the mean over samples.
    The epsilon is not a guard against rounding: spiking layers are silent or nearly so early in training, and
    a gradient that grows as ``1 / ||Q||`` then destroys it. With 1, that of a map is at most 1 a sample.

    Parameters
    ----------
    student_map, teacher_map
        ``(batch, ...)`` of the same shape; the teacher gets no gradient.
    epsilon
        Above 0, in units of the maps, squared.
    squared
        Whether the norm of the difference is squared.

    Raises
    ------
    ConfigError
        If shapes differ or epsilon is out of range.
    """
    if not epsilon > 0:
        raise ConfigError(f"epsilon must be above 0, not {epsilon}")
    _same_shape("attention maps", student_map, teacher_map)

    def normed(values: torch.Tensor) -> torch.Tensor:
        flat = values.flatten(1)
        return flat / (flat.square().sum(dim=1, keepdim=True) + epsilon).sqrt()

    difference = normed(student_map) - normed(teacher_map.detach())
    if squared:
        return difference.square().sum(dim=1).mean()
    distance: torch.Tensor = torch.linalg.vector_norm(difference, dim=1)
    return distance.mean()


def _same_shape(what: str, student: torch.Tensor, teacher: torch.Tensor) -> None:
    if student.shape != teacher.shape:
        shapes = f"{tuple(student.shape)} and {tuple(teacher.shape)}"
        raise ConfigError(f"{what} of student and teacher must have one shape, not {shapes}")
