"""Layers of two networks paired: sizes brought together, adapters built, one loss in sum."""

from typing import Any

import pytest
import snntorch  # type: ignore[import-untyped]
import torch

from spikewright.errors import ConfigError
from spikewright.models.learning.adapters import ChannelAdapter, same_plane
from spikewright.models.learning.distillation import (
    attention_loss,
    attention_map,
    channel_margins,
    feature_loss,
    response_loss,
    virtual_teacher,
)
from spikewright.models.learning.features import Features
from spikewright.models.learning.teaching import AttentionLoss, DistillationLoss, FeatureLoss


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def maps(*shape: int, seed: int = 0) -> torch.Tensor:
    return torch.randn(shape, generator=generator(seed))


def test_the_larger_plane_is_averaged() -> None:
    large = torch.arange(16.0).view(1, 1, 4, 4)
    small = torch.zeros(1, 3, 2, 4)
    ours, theirs = same_plane(large, small, ("a", "b"))
    assert ours.tolist() == [[[[2, 3, 4, 5], [10, 11, 12, 13]]]]
    assert theirs.equal(small)
    assert same_plane(small, large, ("a", "b"))[1].equal(ours)
    crossed = same_plane(torch.ones(1, 1, 2, 6), torch.ones(1, 1, 4, 3), ("a", "b"))
    assert [x.shape for x in crossed] == [(1, 1, 2, 3)] * 2


@pytest.mark.parametrize("plane", [(), (5,), (2, 3)])
def test_an_adapter_is_a_convolution_of_size_one(plane: tuple[int, ...]) -> None:
    adapter = ChannelAdapter(4, 6, generator=generator(), normalize=False)
    x = maps(3, 4, *plane)
    expected = torch.nn.functional.conv1d(x.reshape(3, 4, -1), adapter.weight.unsqueeze(2))
    torch.testing.assert_close(adapter(x), expected.reshape(3, 6, *plane))
    normed = ChannelAdapter(4, 6, generator=generator(), normalize=True)(maps(30, 4, *plane))
    torch.testing.assert_close(
        normed.transpose(0, 1).flatten(1).mean(dim=1), torch.zeros(6), atol=1e-5, rtol=0
    )


def test_an_adapter_takes_a_single_sample() -> None:
    adapter = ChannelAdapter(3, 4, generator=torch.Generator().manual_seed(0), normalize=True)
    adapter(torch.randn(20, 3))  # statistics to stand in
    x = torch.randn(1, 3)
    got = adapter(x)
    torch.testing.assert_close(adapter.eval()(x), got)


def test_feature_loss_with_margins() -> None:
    student, teacher = {"s": maps(8, 3, 4, 4).requires_grad_()}, {"t": maps(8, 5, 2, 2, seed=1)}
    loss = FeatureLoss([("s", "t")], generator=generator())
    with pytest.raises(ConfigError, match=r"^features must be fitted to one batch before there is a loss$"):
        loss(student, teacher)
    loss.fit(student, teacher)
    assert [tuple(p.shape) for p in loss.parameters()] == [(5, 3), (5,), (5,)]
    small = student["s"].unflatten(3, (2, 2)).mean(4).unflatten(2, (2, 2)).mean(3)  # type: ignore[no-untyped-call]
    margins = channel_margins(teacher["t"])
    assert (margins < 0).all()
    expected = feature_loss(loss.adapters[0](small), teacher["t"], margins)
    torch.testing.assert_close(loss(student, teacher), expected)
    torch.autograd.backward(loss(student, teacher))
    assert student["s"].grad is not None
    assert student["s"].grad.ne(0).any()
    assert all(p.grad is not None for p in loss.parameters())
    other = FeatureLoss([("s", "t")], generator=generator(5))
    other.fit({"s": maps(8, 3, 4, 4, seed=7)}, {"t": maps(8, 5, 2, 2, seed=8)})
    other.load_state_dict(loss.state_dict())
    torch.testing.assert_close(other(student, teacher), loss(student, teacher))


def test_plain_feature_loss_adapts_only_channels_that_differ() -> None:
    student = {"a": maps(4, 3), "b": maps(4, 2, 6, seed=2)}
    teacher = {"a": maps(4, 3, seed=1), "b": maps(4, 5, 6, seed=3)}
    loss = FeatureLoss([("a", "a"), ("b", "b")], kind="mse", per="sample", generator=generator())
    loss.fit(student, teacher)
    assert [tuple(p.shape) for p in loss.parameters()] == [(5, 2)]
    adapted = loss.adapters[1](student["b"])
    expected = (student["a"] - teacher["a"]).square().sum() / 4 + (adapted - teacher["b"]).square().sum() / 4
    torch.testing.assert_close(loss(student, teacher), expected)


def test_attention_of_layers() -> None:
    student = {"a": maps(4, 3, 6, 6), "b": maps(4, 7)}
    teacher = {"c": maps(4, 9, 3, 3, seed=1), "d": maps(4, 7, seed=2)}
    loss = AttentionLoss([("a", "c"), ("b", "d")], epsilon=0.5)
    loss.fit(student, teacher)
    assert not list(loss.parameters())
    pooled = torch.nn.functional.avg_pool2d(attention_map(student["a"]), 2)
    expected = attention_loss(pooled, attention_map(teacher["c"]), 0.5)
    expected = expected + attention_loss(attention_map(student["b"]), attention_map(teacher["d"]), 0.5)
    torch.testing.assert_close(loss(student, teacher), expected / 2)


def test_the_sum() -> None:
    student_logits, teacher_logits, labels = maps(4, 3), maps(4, 3, seed=1), torch.tensor([0, 1, 2, 0])
    features = {"student": {"a": maps(4, 2, 3)}, "teacher": {"a": maps(4, 2, 3, seed=1)}}
    layers = AttentionLoss([("a", "a")])
    hard = torch.nn.functional.cross_entropy(student_logits, labels)
    torch.testing.assert_close(DistillationLoss()(student_logits, labels), hard)
    loss = DistillationLoss(alpha=0.3, temperature=4.0, divergence="kl", layers=layers, beta=5.0)
    got = loss(student_logits, labels, teacher_logits=teacher_logits, **features)
    soft = response_loss(student_logits, teacher_logits, 4.0, "kl")
    torch.testing.assert_close(got, 0.7 * hard + 0.3 * soft + 5 * layers(**features))
    virtual = DistillationLoss(alpha=1.0)(student_logits, labels, targets=virtual_teacher(labels, 3, 1.0))
    torch.testing.assert_close(virtual, hard)


@pytest.mark.parametrize("kind", ["margin", "mse", "attention"])
def test_a_spiking_student_learns_from_a_static_teacher(kind: Any) -> None:
    torch.manual_seed(0)
    teacher = torch.nn.Sequential(
        torch.nn.Conv2d(1, 6, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(6 * 16, 3)
    ).eval()
    student: Any = torch.nn.Sequential(
        torch.nn.Conv2d(1, 4, 3), snntorch.Leaky(beta=0.8, init_hidden=True),
        torch.nn.Flatten(), torch.nn.Linear(4 * 16, 3),
    )  # fmt: skip
    pairs = [("1", "0" if kind == "margin" else "1")]
    layers = (
        AttentionLoss(pairs) if kind == "attention" else FeatureLoss(pairs, kind=kind, generator=generator())
    )
    loss = DistillationLoss(alpha=0.5, temperature=2.0, layers=layers, beta=10.0)
    x, labels = torch.rand(16, 1, 6, 6), torch.arange(16) % 3
    losses = []
    with Features(student, ["1"], time="calls") as ours, Features(teacher, ["0", "1"], time="none") as theirs:
        optimizer: torch.optim.Optimizer | None = None
        for _ in range(30):
            student[1].reset_mem()
            logits = torch.stack([student(x) for _ in range(4)]).mean(dim=0)
            with torch.no_grad():
                wanted = teacher(x)
            found = {"student": ours.take(), "teacher": theirs.take()}
            if optimizer is None:
                layers.fit(**found)
                optimizer = torch.optim.Adam([*student.parameters(), *loss.parameters()], lr=0.02)
            total = loss(logits, labels, teacher_logits=wanted, **found)
            optimizer.zero_grad()
            torch.autograd.backward(total)
            optimizer.step()
            losses.append(float(layers(**found).detach()))
    assert losses[-1] < 0.7 * losses[0]
    assert all(parameter.grad is None for parameter in teacher.parameters())


ATTENTION = AttentionLoss([("a", "b")])


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (
            lambda: same_plane(maps(1, 2, 6, 6), maps(1, 3, 4, 4), ("a", "b")),
            "features 'a' and 'b' must have planes that divide one another, "
            "not shapes (1, 2, 6, 6) and (1, 3, 4, 4)",
        ),
        (
            lambda: same_plane(maps(1, 2), maps(1, 3, 4, 4), ("a", "b")),
            "features 'a' and 'b' must have planes that divide one another, "
            "not shapes (1, 2) and (1, 3, 4, 4)",
        ),
        (
            lambda: same_plane(maps(2, 2, 4), maps(1, 2, 4), ("a", "b")),
            "features 'a' and 'b' must have planes that divide one another, "
            "not shapes (2, 2, 4) and (1, 2, 4)",
        ),
        (
            lambda: ATTENTION.fit({"a": maps(1, 6)}, {"b": maps(1, 3)}),
            "features 'a' and 'b' must have as many units where they have no plane, "
            "not shapes (1, 6) and (1, 3)",
        ),
        (
            lambda: ATTENTION.fit({"a": maps(1, 6)}, {"c": maps(1, 3)}),
            "pairs must name features of the teacher, c, not 'b'",
        ),
        (lambda: AttentionLoss([]), "pairs must name at least one feature of student and teacher, not none"),
        (lambda: AttentionLoss([("a", "a")], power=0.0), "power must be at least 1, not 0.0"),
        (lambda: AttentionLoss([("a", "a")], epsilon=0.0), "epsilon must be above 0, not 0.0"),
        (
            lambda: FeatureLoss([("a", "a")], kind="l1", generator=generator()),  # type: ignore[arg-type]
            "kind must be one of margin, mse, not 'l1'",
        ),
        (lambda: DistillationLoss(alpha=1.5), "alpha must be in 0..1, not 1.5"),
        (lambda: DistillationLoss(temperature=0.0), "temperature must be above 0, not 0.0"),
        (lambda: DistillationLoss(beta=-1.0), "beta must be at least 0, not -1.0"),
        (
            lambda: DistillationLoss(alpha=0.5)(maps(1, 2), torch.tensor([0])),
            "alpha must be 0 where there is no teacher: give its logits or targets, one of both",
        ),
        (
            lambda: DistillationLoss(layers=ATTENTION, beta=1.0)(maps(1, 2), torch.tensor([0])),
            "beta must be 0 where there are no features of student and teacher",
        ),
    ],
)  # fmt: skip
def test_refusals(call: Any, message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        call()
    assert str(refused.value) == message
