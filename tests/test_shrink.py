"""What fails is made small: every reduction is a network like others, and what fails still fails."""

import numpy as np
import pytest

from spikewright.compiler.mapping import map_network
from spikewright.models.integer import IntegerModel
from tests.networks import Case, random_case
from tests.shrink import reductions, shrink, tell


@pytest.mark.parametrize("seed", range(12))
def test_reductions_are_cases(seed: int) -> None:
    """Each maps and runs, and is smaller in something."""
    case = random_case(seed, largest=9, steps=3, samples=2)
    tried = 0
    for smaller in reductions(case):
        map_network(smaller.network, **smaller.mapping)
        trace = IntegerModel(smaller.network).run(smaller.x)
        assert set(trace.states) == {population.name for population in smaller.network.populations}
        assert smaller.network is not case.network or smaller.x is not case.x or (
            smaller.mapping != case.mapping
        )  # fmt: skip
        tried += 1
    assert tried > 5


def test_shrinks_to_what_makes_it_fail() -> None:
    """Said to fail: whoever has a population that decays by a factor, and an input with two events."""

    def fails(case: Case) -> bool:
        kinds = {population.neuron.decay.kind for population in case.network.populations}
        return "multiply" in kinds and any(np.count_nonzero(x) > 1 for x in case.x.values())

    case = next(case for case in map(random_case, range(100)) if fails(case) and len(case.network.edges) > 3)
    small = shrink(case, fails)
    assert fails(small)
    assert [population.size for population in small.network.populations] == [1]
    assert [edge.weights.size <= 3 for edge in small.network.edges] == [True]
    assert [int(np.count_nonzero(x)) for x in small.x.values()] == [2]
    assert small.mapping == {"lanes": 1, "contents": "baked", "rows": "dense"}
    assert "in0" in tell(small) or "in1" in tell(small)


def test_gives_up_after_so_many_tries() -> None:
    case, tried = random_case(3), list[Case]()
    assert shrink(case, lambda smaller: bool(tried.append(smaller)), tries=4) is case  # type: ignore[func-returns-value]
    assert len(tried) == 4
