"""Credit: how many spikes may be coded by now, so that their rate is exact."""

from amaranth.hdl import Module, Signal
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.spiketrum import SpiketrumConfig

__all__ = ["Credit"]


class Credit(wiring.Component):
    """Counts ``rate_hz`` for every sample and ``sample_rate_hz`` off for every spike.

    So the spikes of a recording are its duration times the rate, half rounded up, unless the sound has too
    little to code. A window's samples are counted one a cycle; that takes less time than to correlate them.

    Members
    -------
    gain, positions
        A window of so many samples begins.
    spend
        A spike is coded.
    close
        The window is done: what was not spent is kept up to a burst and less than a spike more.
    restart
        The next recording begins.
    enough
        Another spike may be coded.
    """

    gain: Signal
    positions: Signal
    spend: Signal
    close: Signal
    restart: Signal
    enough: Signal

    def __init__(self, config: SpiketrumConfig) -> None:
        self.config = config
        super().__init__({
            "gain": In(1), "positions": In(range(config.window + 1)), "spend": In(1), "close": In(1),
            "restart": In(1), "enough": Out(1),
        })

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config = self.config
        price, begin = config.sample_rate_hz, config.sample_rate_hz // 2  # beginning with half rounds
        most = config.burst * price + price - 1
        saved = Signal(range(most + config.rate_hz * config.window + 1), init=begin)
        uncounted = Signal(range(config.window + 1))
        m.d.comb += self.enough.eq(saved >= price)
        with m.If(self.gain):
            m.d.sync += uncounted.eq(self.positions)
        with m.If(uncounted != 0):
            m.d.sync += [uncounted.eq(uncounted - 1), saved.eq(saved + config.rate_hz)]
        with m.Elif(self.spend):
            m.d.sync += saved.eq(saved - price)
        with m.Elif(self.close & (saved > most)):
            m.d.sync += saved.eq(most)
        with m.If(self.restart):
            m.d.sync += saved.eq(begin)
        return m
