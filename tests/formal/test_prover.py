"""The prover itself: it proves what holds, finds what does not, in the right cycle, and sees empty proofs."""

import pytest
from amaranth.hdl import Fragment, Signal

from tests.formal.formal import Formal
from tests.formal.prover import Model


def counter(most: int, *, wrong: bool = False) -> Formal:
    """Counts cycles in which a free input is high, from 0 to ``most`` and round."""
    formal = Formal()
    count, step = Signal(range(most + 2)), formal.free("step")
    with formal.m.If(step):
        formal.m.d.sync += count.eq(count + 1)
        with formal.m.If(count == (most + 1 if wrong else most)):
            formal.m.d.sync += count.eq(0)
    formal.check("in range", count <= most)
    formal.cover("round", formal.past(count != 0) & (count == 0) & formal.past(step))
    formal.show("count", count)
    return formal


def test_what_holds_is_proven() -> None:
    Model(counter(9)).prove()


def test_what_does_not_hold_is_found_in_its_cycle_and_shown() -> None:
    model = Model(counter(9, wrong=True))
    with pytest.raises(AssertionError, match=r"^a counterexample:\ncycle 10: 'in range'") as raised:
        model.prove()
    assert "count  0 1 2 3 4 5 6 7 8 9  a" in str(raised.value)
    assert model.refute("in range", 11).broken == {"in range": 10}


def test_a_bound_is_exact() -> None:
    """Cycle 10 is the eleventh: ten are without a fault, and with eleven it is found."""
    model = Model(counter(9, wrong=True))
    model.bounded(10)
    with pytest.raises(AssertionError, match=r"^a counterexample:"):
        model.bounded(11)


def test_the_other_engine_goes_as_far_at_least() -> None:
    Model(counter(9)).bounded(6, engine="pdr")
    with pytest.raises(AssertionError, match=r"^a counterexample:"):
        Model(counter(9, wrong=True)).bounded(11, engine="pdr")


def test_a_check_that_holds_is_not_refuted() -> None:
    with pytest.raises(AssertionError, match=r"^'in range' holds for 10 cycles all the same"):
        Model(counter(9, wrong=True)).refute("in range", 10)


def test_a_situation_is_reached_in_its_cycle_or_not_at_all() -> None:
    model = Model(counter(9))
    assert model.reach(12) == {"round": 11}
    with pytest.raises(AssertionError, match=r"^'round' is not reached in 10 cycles"):
        model.reach(10)


def test_a_proof_of_nothing_is_seen() -> None:
    """Contradicting assumptions prove anything; that nothing can be reached then gives them away."""
    formal = counter(9, wrong=True)
    step, count = formal.inputs["step"], formal.shown["count"]
    formal.assume(step | (count != 2))
    formal.assume(~step | (count != 2))
    model = Model(formal)
    model.prove()
    with pytest.raises(AssertionError, match=r"^'round' is not reached"):
        model.reach(30)


def test_constants_are_free_and_constant() -> None:
    formal = Formal()
    constant = formal.constant("constant", 3)
    formal.check("constant", ~formal.past(1) | (constant == formal.past(constant)))
    formal.cover("five", formal.past(formal.past(constant == 5)))
    model = Model(formal)
    model.prove()
    model.reach(4)


def test_a_reset_is_possible_in_any_cycle() -> None:
    formal = counter(9)
    count = formal.shown["count"]
    before = Signal.like(count, reset_less=True)
    formal.m.d.sync += before.eq(count)
    formal.cover("reset", (before == 5) & (count == 0))
    assert Model(formal).reach(12)["reset"] == 7


def test_a_fault_without_a_stream_is_refused() -> None:
    formal = Formal({"sink": "drops"})
    with pytest.raises(AssertionError, match=r"^no such stream or value: sink$"):
        Model(formal)
    Fragment.get(formal.m, None)  # type: ignore[no-untyped-call]  # Amaranth warns of what is never used
