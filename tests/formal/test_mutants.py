"""Proofs against parts that are wrong inside: Yosys changes a gate, a wire or a constant; checks notice."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.formal import test_bus, test_dense_rows, test_emitters, test_intake, test_links
from tests.formal.formal import Formal
from tests.formal.prover import Model

PARTS: dict[str, tuple[Callable[[], Formal], str, int]] = {
    "fork": (lambda: test_links.fork(2), "fork", 8),
    "intake": (lambda: test_intake.intake(test_intake.PORTS["drive0-hold3"]), "intake", 8),
    "spikes": (lambda: test_emitters.spikes(3, 2), "emitter", 16),
    "readouts": (lambda: test_emitters.readouts(3, 2), "emitter", 14),
    "dense walker": (lambda: test_dense_rows.walker(test_dense_rows.PORTS["values"], 2, 1), "walker", 14),
    "bus controller": (test_bus.controller, "controller", 16),
}
"""The design of a proof, the part's name in it, and cycles in which what is wrong must show."""

MUTANTS = 25


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS)
def test_mutants_are_caught(part: str, tmp_path: Path) -> None:
    """All but a few, which change nothing that can be seen: a bit that is always 0, a read too many."""
    design, name, depth = PARTS[part]
    found = tmp_path / "mutants.txt"
    Model(design(), mutation=[f"select -module top.{name}", f"mutate -list {MUTANTS} -seed 1 -o {found}",
                              "select -clear"])
    mutants = [line for line in found.read_text().splitlines() if line.startswith("mutate ")]
    assert len(mutants) == MUTANTS
    alive = [mutant for mutant in mutants if not Model(design(), mutation=[mutant]).caught(depth)]
    assert len(alive) <= MUTANTS // 5, "\n".join(alive)
