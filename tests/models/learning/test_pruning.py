"""One-shot pruning: the smallest go, of each weight or of all, and what is left is what it was."""

from typing import Any

import pytest
import snntorch  # type: ignore[import-untyped]
import torch

from spikewright.errors import ConfigError
from spikewright.models.learning.pruning import prune_by_magnitude


def network() -> Any:
    """A kernel (2, 1, 2) with 0.1..0.4, a matrix (2, 4) with -1..-8."""
    made: Any = torch.nn.Sequential(
        torch.nn.Conv1d(1, 2, 2, bias=False),
        snntorch.Leaky(beta=0.5, init_hidden=True),
        torch.nn.Flatten(),
        torch.nn.Linear(4, 2, bias=False),
    )
    with torch.no_grad():
        made[0].weight.copy_(torch.tensor([[[0.1, -0.4]], [[0.3, 0.2]]]))
        made[3].weight.copy_(-torch.arange(1.0, 9.0).view(2, 4))
    return made


@pytest.mark.parametrize(
    ("scope", "kernel", "smallest"), [("uniform", 2, 5), ("global", 0, 3), ("erdos_renyi", 3, 6)]
)
def test_the_smallest_go(scope: Any, kernel: int, smallest: int) -> None:
    made = network()
    expected = made[3].weight.detach() * (made[3].weight.abs() >= smallest)
    densities = prune_by_magnitude(made, 0.5, scope=scope)
    kept = [0.4, 0.3, 0.2, 0.1][:kernel]
    torch.testing.assert_close(
        made[0].weight.abs().flatten().sort(descending=True).values, torch.tensor(kept + [0.0] * (4 - kernel))
    )
    assert made[3].weight.equal(expected)
    assert densities == {"0.weight": kernel / 4, "3.weight": (9 - smallest) / 8}


def test_finetuning_stays_within() -> None:
    made = network()
    prune_by_magnitude(made, 0.25, dense={"0.weight": 1.0})
    exists = made[3].weight != 0
    assert int(exists.sum()) == 2
    optimizer = torch.optim.AdamW(made.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        made[1].reset_mem()
        (made(torch.ones(2, 1, 3) * 9) - 1).square().sum().backward()
        optimizer.step()
    assert made[3].weight[~exists].eq(0).all()
    assert made[0].weight.ne(0).all()
    assert not hasattr(made[0], "parametrizations")


def test_refusals() -> None:
    with pytest.raises(
        ConfigError, match=r"^scope must be one of erdos_renyi, erdos_renyi_kernel, uniform, global, not 'l'$"
    ):
        prune_by_magnitude(network(), 0.5, scope="l")  # type: ignore[arg-type]
    with pytest.raises(ConfigError, match=r"^density must be above 0 and at most 1, not 1\.5$"):
        prune_by_magnitude(network(), 1.5)
