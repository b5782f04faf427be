"""A chip with a microphone's pins where its stream of samples was: a module around ``chip``."""

from typing import Any, Literal

from amaranth.hdl import ClockSignal, Instance, Module, ResetSignal, Value
from amaranth.lib import wiring
from amaranth.lib.wiring import In, Out

from spikewright.config import ChipConfig, InputConfig, identifier
from spikewright.errors import ConfigError
from spikewright.rtl.chip import chip_ports
from spikewright.rtl.i2s import I2sConfig, I2sReceiver
from spikewright.rtl.pdm import PdmConfig, PdmReceiver

__all__ = ["MICROPHONE_HZ", "TOP", "Microphone", "MicrophoneChip", "microphone_config"]

TOP = "microphone_chip"
"""Name of the module."""

Microphone = Literal["i2s", "pdm"]

MICROPHONE_HZ = 1_000_000
"""Least clock of a PDM microphone; data sheets ask for 1 to 3 MHz."""


def microphone_config(kind: Microphone, port: InputConfig, clock_mhz: float | None = None
                      ) -> I2sConfig | PdmConfig:
    """The receiver in front of an input with an encoder: samples of its width, at its rate.

    Parameters
    ----------
    clock_mhz
        Of the chip; a PDM microphone's clock is made of it.

    Raises
    ------
    ConfigError
        If the clock is missing or no whole multiple of twice the microphone's, or given where none is made.
    """
    if port.encoder is None:
        raise ConfigError(f"microphone: input {port.name!r} must have an encoder, and has none")
    bits, rate = port.encoder.pcm_bits, port.encoder.sample_rate_hz
    if kind == "i2s":
        if clock_mhz is not None:
            raise ConfigError("clock_mhz: must be left out with i2s, which brings its clock, not"
                              f" {clock_mhz:g}")
        return I2sConfig(bits=bits)
    decimation = 1 << (-(-MICROPHONE_HZ // rate) - 1).bit_length()
    least = 2e-6 * rate * decimation
    periods = 0.0 if clock_mhz is None else clock_mhz / least
    if clock_mhz is None or round(periods) < 1 or abs(periods - round(periods)) > 1e-6 * periods:
        raise ConfigError(f"clock_mhz: must be a multiple of {least:g}, twice the microphone's clock, not"
                          f" {'left out' if clock_mhz is None else f'{clock_mhz:g}'}")
    return PdmConfig(half_period=round(periods), decimation=decimation, bits=bits)


class MicrophoneChip(wiring.Component):
    """``chip`` with a receiver in front of its input that takes sound.

    Members
    -------
    <input>_<pin>
        Pins of the receiver, and its ``recording`` and ``dropped``:
        :class:`~spikewright.rtl.i2s.I2sReceiver`, :class:`~spikewright.rtl.pdm.PdmReceiver`. While
        ``recording`` is high samples go to the encoder; when it falls the recording ends.
    ...
        All others of :class:`~spikewright.rtl.chip.Chip`.
    """

    def __init__(self, chip: ChipConfig, port: InputConfig, microphone: I2sConfig | PdmConfig) -> None:
        self.receiver: I2sReceiver | PdmReceiver
        self.receiver = I2sReceiver(microphone) if isinstance(microphone, I2sConfig) else \
            PdmReceiver(microphone)
        self.prefix, self.fed = identifier(port.name), f"in_{identifier(port.name)}"
        self.inner = chip_ports(chip)
        pins = {name: member for name, member in self.receiver.signature.members.items() if name != "sink"}
        self.pins = {name: f"{self.prefix}_{name}" for name in pins}
        others = {name: member for name, member in self.inner.items() if name != self.fed}
        super().__init__({**{self.pins[name]: member for name, member in pins.items()}, **others})

    def elaborate(self, platform: object) -> Module:
        m = Module()
        m.submodules.receiver = receiver = self.receiver
        for name, outside in self.pins.items():
            ends = getattr(self, outside), getattr(receiver, name)
            target, source = ends if receiver.signature.members[name].flow == Out else ends[::-1]
            m.d.comb += target.eq(source)
        wires: dict[str, Any] = {}
        for name, member in self.inner.items():
            stream = receiver.sink if name == self.fed else getattr(self, name)
            inwards = member.flow == In
            if member.is_port:
                wires[f"{'i' if inwards else 'o'}_{name}"] = stream
                continue
            for part, forward in (("payload", True), ("valid", True), ("ready", False)):
                wire = Value.cast(getattr(stream, part))
                wires[f"{'i' if inwards == forward else 'o'}_{name}__{part}"] = wire
        m.submodules.chip = Instance("chip", i_clk=ClockSignal(), i_rst=ResetSignal(), **wires)
        return m
