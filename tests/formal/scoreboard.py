"""A scoreboard: words that went in come out once each, in order, as they were."""

from amaranth.hdl import Signal, Value, ValueLike

from tests.formal.formal import Flow, Formal

__all__ = ["Scoreboard", "keeps_moving"]


class Scoreboard:
    """Follows one word of all that went in: any one, so that what holds of it holds of every word.

    The word is chosen by a free input in the cycle in which it goes in. Nothing in these parts looks
    at what a payload means, so that neither does this.

    Parameters
    ----------
    capacity
        Words that may be under way at a time.
    """

    def __init__(self, formal: Formal, entered: Flow, left: Flow, *, capacity: int, name: str = "") -> None:
        m, name = formal.m, name and f"{name}: "
        level, ahead = Signal(range(capacity + 3)), Signal(range(capacity + 3))
        followed, gone, word = Signal(), Signal(), Signal(len(entered.bits))
        choose = Signal()
        m.d.comb += choose.eq(formal.free(f"{name}follow") & entered.moved & ~followed)
        m.d.sync += level.eq(level + entered.moved - left.moved)
        self.level = level
        now = choose & (level == 0)  # it may leave in the cycle in which it comes
        arrives = Signal()
        m.d.comb += arrives.eq(left.moved & (now | followed & ~gone & (ahead == 0)))
        with m.If(choose):
            m.d.sync += [followed.eq(1), word.eq(entered.bits), ahead.eq(level - left.moved)]
        with m.Elif(left.moved & (ahead != 0)):
            m.d.sync += ahead.eq(ahead - 1)
        with m.If(arrives):
            m.d.sync += gone.eq(1)
        formal.check(f"{name}nothing comes of nothing", ~left.moved | (level != 0) | entered.moved)
        formal.check(f"{name}no more words than find room", level <= capacity)
        formal.check(f"{name}every word in its turn, unchanged",
                     ~arrives | (left.bits == word) & followed | (left.bits == entered.bits) & now)
        formal.cover(f"{name}a followed word leaves", arrives)
        if capacity:
            formal.cover(f"{name}all room is taken", level == capacity)
        if capacity > 1:
            formal.cover(f"{name}a followed word leaves behind another", arrives & formal.past(ahead != 0))
        formal.show(f"{name}level", level)


def keeps_moving(formal: Formal, name: str, due: ValueLike, moved: ValueLike, held_up: ValueLike, *,
                 within: int) -> None:
    """While anything is due and nobody holds it up, something moves every ``within`` cycles."""
    idle = Signal(range(within + 1))
    with formal.m.If(Value.cast(moved) | held_up | ~Value.cast(due)):
        formal.m.d.sync += idle.eq(0)
    with formal.m.Elif(idle != within):
        formal.m.d.sync += idle.eq(idle + 1)
    formal.check(name, idle != within)
