"""A lane of the encoder: two multipliers that correlate, subtract and weigh the channels of every group."""

from typing import Any

from amaranth.hdl import Cat, Const, Module, Mux, Signal, Value, signed
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.rtl.spiketrum.arithmetic import saturated
from spikewright.spiketrum_memories import GAIN_BITS, SpiketrumLayout

__all__ = ["CorrelationLane", "LaneControl"]


class LaneControl(wiring.Signature):
    """What all lanes are told, each in its own cycle (:class:`SpiketrumLatency`); the controller's side.

    Members
    -------
    subtract, weigh
        All along: the products are those of an amplitude and correlations of kernels, or of a correlation
        and a gain; else of kernels and ``factor``.
    factor
        With the word: the other operand of all lanes.
    first, second_first
        With the product of the first multiplier, of the second one: a sum begins.
    last, second_last
        With the sums: they are complete.
    begin
        A row begins: nothing is the best of it yet.
    position
        With the score: of the value.
    scored
        With the score: it counts.
    """

    def __init__(self, layout: SpiketrumLayout) -> None:
        config = layout.config
        factor = max(config.correlation_bits, config.pcm_bits + 1)
        super().__init__({
            "subtract": Out(1), "weigh": Out(1), "factor": Out(signed(factor)), "first": Out(1),
            "second_first": Out(1), "last": Out(1), "second_last": Out(1), "begin": Out(1),
            "position": Out(range(config.window)), "scored": Out(1),
        })


class CorrelationLane(wiring.Component):
    """Computes two neighbouring correlations at once, and subtracts from one a cycle.

    Both multipliers have the same kernel, the second a cycle later, so that one sample a cycle serves two
    positions. Kernels are shifted to a common unit in front of the multipliers; therefore nothing behind them
    depends on the channel. Subtracting rounds as docs/numerics.md has it: ``c - rsh(p)`` is
    ``(2^n c + 2^(n-1) - 1 - p) >> n``, the sum that begins with a correlation instead of one half.

    Parameters
    ----------
    weighs
        Whether its first multiplier weighs the best correlations of all channels by their gains.

    Members
    -------
    control : ``In(LaneControl(layout))``
    kernel, shift, gram
        The lane's part of the words of kernels, of the group, of correlations of kernels.
    gain
        Only if it ``weighs``.
    correlation
        With the product: what to subtract from.
    product
        Of the first multiplier; of kernels in units of ``2**-residual_fraction_bits`` of the residual.
    value
        The new correlation.
    best
        The best value of the row and its position, as in memory.
    """

    control: Any
    kernel: Signal
    shift: Signal
    gram: Signal
    gain: Signal
    correlation: Signal
    product: Signal
    value: Signal
    best: Signal

    def __init__(self, layout: SpiketrumLayout, *, weighs: bool) -> None:
        self.layout, self.weighs = layout, weighs
        config = layout.config
        top_shift = layout.kernel_shift + layout.highest_exponent - layout.lowest_exponent
        self.coefficient_bits = max(config.kernel_bits + top_shift, layout.fraction_bits + 1, GAIN_BITS + 1)
        factor_bits = max(config.correlation_bits, config.pcm_bits + 1)
        ports: dict[str, wiring.Member] = {
            "control": In(LaneControl(layout)), "kernel": In(signed(config.kernel_bits)),
            "shift": In(layout.align_bits), "gram": In(signed(config.gram_bits)),
            "correlation": In(signed(config.correlation_bits)),
            "product": Out(signed(self.coefficient_bits + factor_bits)),
            "value": Out(signed(config.correlation_bits)), "best": Out(layout.best_bits),
        }
        if weighs:
            ports["gain"] = In(GAIN_BITS)
        super().__init__(ports)

    def elaborate(self, platform: object) -> Module:
        m = Module()
        config, control, fraction = self.layout.config, self.control, self.layout.fraction_bits
        coefficient, second_coefficient = (Signal(signed(self.coefficient_bits), name=f"coefficient_{index}")
                                           for index in range(2))
        factor, second_product = Signal.like(control.factor), Signal.like(self.product)
        m.d.sync += [
            coefficient.eq(self._coefficient()), second_coefficient.eq(coefficient),
            factor.eq(control.factor),
            self.product.eq(coefficient * factor), second_product.eq(second_coefficient * factor),
        ]
        # Full scale fits a correlation, with rounding and what is subtracted once more.
        total, second_total = (Signal(signed(config.correlation_bits + fraction + 1), name=f"total_{index}")
                               for index in range(2))
        half = Const(1 << (fraction - 1), signed(fraction + 1))
        less = Const((1 << (fraction - 1)) - 1, fraction)
        begins = Mux(control.subtract, Cat(less, self.correlation).as_signed(), half)
        m.d.sync += [
            total.eq(Mux(control.first, begins, total) + self.product),
            second_total.eq(Mux(control.second_first, half, second_total) + second_product),
            self.value.eq(saturated(Mux(control.last, total, second_total) >> fraction,
                                    config.correlation_bits)),
        ]
        self._score(m)
        return m

    def _coefficient(self) -> Value:
        """The operand of the lane's own: a kernel's sample, aligned; a correlation of kernels; a gain."""
        layout, control = self.layout, self.control
        kernel: Value = self.kernel << layout.kernel_shift
        if layout.align_bits:
            kernel = kernel << self.shift
        gram = self.gram << (layout.fraction_bits - layout.config.gram_bits + 1)
        chosen: Value = Mux(control.subtract, gram, kernel[:self.coefficient_bits].as_signed())
        if self.weighs:
            chosen = Mux(control.weigh, self.gain, chosen)
        return chosen

    def _score(self, m: Module) -> None:
        """Keep the value with the largest score of the row, the first of equals."""
        config, control = self.layout.config, self.control
        scored, score = Signal.like(self.value), Signal(config.correlation_bits)  # |lowest| fits unsigned
        best_score = Signal.like(score)
        negative = self.value[-1]
        m.d.sync += [
            scored.eq(self.value),
            score.eq(Mux(negative, -self.value if config.signed else 0, self.value)),
        ]
        with m.If(control.scored & (score > best_score)):
            m.d.sync += [best_score.eq(score), self.best.eq(Cat(scored, control.position))]
        with m.If(control.begin):
            m.d.sync += [best_score.eq(0), self.best.eq(0)]
