"""Losses of distillation against values computed by hand, and their gradients where layers are silent."""

import math
from typing import Any

import pytest
import torch

from spikewright.errors import ConfigError
from spikewright.models.learning.distillation import (
    attention_loss,
    attention_map,
    channel_margins,
    feature_loss,
    margin_relu,
    partial_distance,
    response_loss,
    soft_target_loss,
    virtual_teacher,
)

maps = torch.zeros

ENTROPY = -(0.75 * math.log(0.75) + 0.25 * math.log(0.25))


def test_softened_responses() -> None:
    teacher = torch.tensor([[2 * math.log(3), 0.0]], requires_grad=True)  # at temperature 2: 3/4 and 1/4
    student = torch.zeros(1, 2, requires_grad=True)
    crossed = response_loss(student, teacher, 2.0)
    assert float(crossed.detach()) == pytest.approx(4 * math.log(2))
    assert float(response_loss(student, teacher, 2.0, "kl").detach()) == pytest.approx(
        4 * (math.log(2) - ENTROPY)
    )
    assert float(response_loss(teacher, teacher, 2.0, "kl").detach()) == pytest.approx(0, abs=1e-6)
    torch.autograd.backward(crossed)
    assert student.grad is not None
    torch.testing.assert_close(student.grad, 2 * torch.tensor([[0.5 - 0.75, 0.5 - 0.25]]))
    assert teacher.grad is None
    crossed_gradient, student.grad = student.grad, None
    torch.autograd.backward(response_loss(student, teacher, 2.0, "kl"))
    torch.testing.assert_close(student.grad, crossed_gradient)
    both = response_loss(torch.zeros(2, 2), torch.tensor([[2 * math.log(3), 0.0], [0.0, 0.0]]), 2.0, "kl")
    assert float(both) == pytest.approx(2 * (math.log(2) - ENTROPY)), "the mean over the batch"


def test_virtual_teachers() -> None:
    labels = torch.tensor([1, 0])
    torch.testing.assert_close(
        virtual_teacher(labels, 3, 0.9), torch.tensor([[0.05, 0.9, 0.05], [0.9, 0.05, 0.05]])
    )
    roots = torch.tensor([0.9, 0.05, 0.05]).sqrt()
    torch.testing.assert_close(virtual_teacher(labels, 3, 0.9, 2.0)[1], roots / roots.sum())
    assert virtual_teacher(labels, 2, 1.0, 20.0).equal(torch.tensor([[0.0, 1.0], [1.0, 0.0]]))
    certain = virtual_teacher(labels, 3, 1.0)
    logits = torch.tensor([[0.3, 1.0, -2.0], [0.0, 0.5, 1.0]])
    for divergence in ("cross_entropy", "kl"):
        torch.testing.assert_close(
            soft_target_loss(logits, certain, 1.0, divergence),
            torch.nn.functional.cross_entropy(logits, labels),
        )


def test_margins_and_partial_distances() -> None:
    features = torch.tensor([[[-1.0, 2.0], [1.0, 3.0]], [[-3.0, 0.0], [5.0, 0.5]]])
    margins = channel_margins(features)
    assert margins.tolist() == [-2.0, 0.0]
    assert margin_relu(features, margins)[:, 0].tolist() == [[-1.0, 2.0], [-2.0, 0.0]]
    assert margin_relu(-features, margins)[:, 1].tolist() == [[0.0, 0.0], [0.0, 0.0]]
    teacher = torch.tensor([-2.0, -2.0, -2.0, 0.0, 1.0, 1.0])
    student = torch.tensor([-3.0, -2.0, -1.0, -1.0, -1.0, 3.0])
    assert partial_distance(student, teacher).tolist() == [0.0, 0.0, 1.0, 0.0, 4.0, 4.0]


def test_feature_losses() -> None:
    teacher = torch.tensor([[-4.0, 1.0], [-1.0, 3.0]], requires_grad=True)
    student = torch.tensor([[0.0, 2.0], [-5.0, 1.0]], requires_grad=True)
    assert float(feature_loss(student, teacher).detach()) == (16 + 1 + 16 + 4) / 4
    assert float(feature_loss(student, teacher, per="sample").detach()) == (16 + 1 + 16 + 4) / 2
    margins = torch.tensor([-2.5, 0.0])
    loss = feature_loss(student, teacher, margins)
    assert float(loss.detach()) == (6.25 + 1 + 0 + 4) / 4
    torch.autograd.backward(loss)
    assert student.grad is not None
    assert student.grad.tolist() == [[1.25, 0.5], [0.0, -1.0]]
    assert teacher.grad is None


def test_attention_maps() -> None:
    features = torch.tensor([[[[1.0, -2.0]], [[3.0, 0.0]]]])
    assert attention_map(features).tolist() == [[[10.0, 4.0]]]
    assert attention_map(features, 1.0).tolist() == [[[4.0, 2.0]]]
    assert attention_map(torch.tensor([[1.0, -3.0]])).tolist() == [[1.0, 9.0]], "units are places"


def test_attention_losses() -> None:
    student, teacher = torch.tensor([[3.0, 0.0], [0.0, 4.0]]), torch.tensor([[0.0, 4.0], [0.0, 4.0]])
    # With epsilon 16: 3/5 against 4/sqrt(32), at a right angle; the second sample is equal.
    assert float(attention_loss(student, teacher, 16.0)) == pytest.approx(math.sqrt(0.36 + 0.5) / 2)
    assert float(attention_loss(student, teacher, 16.0, squared=True)) == pytest.approx(0.86 / 2)
    student.requires_grad_()
    teacher.requires_grad_()
    torch.autograd.backward(attention_loss(student, teacher))
    assert student.grad is not None
    assert teacher.grad is None


@pytest.mark.parametrize("squared", [False, True])
@pytest.mark.parametrize("power", [1.0, 2.0])
def test_silent_layers_have_small_gradients(squared: bool, power: float) -> None:
    teacher = attention_map(torch.rand(4, 3, 5, 5, generator=torch.Generator().manual_seed(0)))

    def largest(level: float, epsilon: float) -> float:
        student = torch.full((4, 8, 5, 5), 1.0).mul(level).requires_grad_()
        loss = attention_loss(attention_map(student, power), teacher, epsilon, squared=squared)
        torch.autograd.backward(loss)
        assert student.grad is not None
        assert student.grad.isfinite().all()
        return float(student.grad.abs().max())

    assert largest(0.0, 1.0) == 0
    assert largest(1e-4, 1.0) < 1
    assert largest(1e-4, 1e-12) > 100 * largest(1e-4, 1.0), "the trap that epsilon is there for"
    student = teacher.clone().requires_grad_()
    torch.autograd.backward(attention_loss(student, teacher, squared=squared))
    assert student.grad is not None
    assert student.grad.eq(0).all(), "equal maps: no infinite slope of the root"


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: response_loss(maps(1, 2), maps(1, 2), 0.0), "temperature must be above 0, not 0.0"),
        (
            lambda: response_loss(maps(1, 2), maps(1, 3), 1.0),
            "logits of student and teacher must have one shape, not (1, 2) and (1, 3)",
        ),
        (
            lambda: soft_target_loss(maps(1, 2), maps(1, 2), 1.0, "js"),  # type: ignore[arg-type]
            "divergence must be one of cross_entropy, kl, not 'js'",
        ),
        (
            lambda: virtual_teacher(torch.tensor([0]), 4, 0.25),
            "correct must be above 1/4 and at most 1, not 0.25",
        ),
        (lambda: virtual_teacher(torch.tensor([0]), 1, 0.9), "classes must be at least 2, not 1"),
        (lambda: virtual_teacher(torch.tensor([0, 3]), 3, 0.9), "labels must be in 0..2, not 0..3"),
        (lambda: virtual_teacher(torch.tensor([0]), 3, 0.9, -1.0), "temperature must be above 0, not -1.0"),
        (
            lambda: feature_loss(maps(1, 2), maps(1, 3)),
            "features of student and teacher must have one shape, not (1, 2) and (1, 3)",
        ),
        (
            lambda: feature_loss(torch.zeros(1), torch.zeros(1), per="batch"),  # type: ignore[arg-type]
            "per must be one of element, sample, not 'batch'",
        ),
        (lambda: attention_map(maps(1, 2), 0.5), "power must be at least 1, not 0.5"),
        (lambda: attention_map(torch.zeros(2)), "features must be (batch, channels, ...), not of shape (2,)"),
        (lambda: attention_loss(maps(1, 2), maps(1, 2), 0.0), "epsilon must be above 0, not 0.0"),
        (
            lambda: attention_loss(maps(1, 2), torch.zeros(1, 4)),
            "attention maps of student and teacher must have one shape, not (1, 2) and (1, 4)",
        ),
    ],
)  # fmt: skip
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        call()
    assert str(refused.value) == message
