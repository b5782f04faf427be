"""Chips with a microphone's pins: from the bits on the pins to the model's read-outs, in Verilator."""

import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt
import pytest

from spikewright.compiler.mapping import map_network
from spikewright.cosim.simulators import find_verilator
from spikewright.cosim.standalone import build_program
from spikewright.cosim.streams import Sender, receive
from spikewright.errors import ConfigError
from spikewright.models.encoders import Encoder, Sound, encode_sound
from spikewright.models.integer import IntegerModel
from spikewright.rtl import verilog
from spikewright.rtl.i2s import I2sConfig
from spikewright.rtl.microphone import TOP, microphone_config
from spikewright.rtl.pdm import PdmConfig
from spikewright.rtl.verilog import write_microphone
from tests.cosim.builds import write_mapped
from tests.rtl.test_pdm import averaged, modulated
from tests.rtl.test_verilog import yosys
from tests.sound_networks import BANK, PURSUIT, network_behind, sound_network

Integers = npt.NDArray[np.int64]

DATA, SELECT, CLOCK, RECORDING = 1, 2, 4, 8
"""Pins in a word of the stimulus."""

HARNESS = """\
module harness;
    reg clk = 0, rst = 1;
    always #5 clk = ~clk;
    integer stimulus, records, rest = 0;
    reg [3:0] pins = 0;
    wire valid;
    wire [15:0] dropped;
    wire [63:0] payload;
    microphone_chip top (.clk(clk), .rst(rst), .mic_recording(pins[3]), .mic_dropped(dropped), {pins},
        .out_out__valid(valid), .out_out__ready(1'b1), .out_out__payload(payload[{high}:0]));
    initial begin
        stimulus = $fopen("stimulus.txt", "r");
        records = $fopen("records.txt", "w");
        repeat (3) @(posedge clk);
        rst <= 0;
    end
    always @(negedge clk) if (!rst && $fscanf(stimulus, "%h", pins) != 1) rest = rest + 1;
    always @(posedge clk) if (!rst) begin
        if (valid) $fwrite(records, "%h\\n", payload[{high}:0]);
        if (rest > 100000 || (valid && payload[1:0] == 2)) begin
            $fwrite(records, "dropped %0d\\n", dropped);
            $fclose(records);
            $finish;
        end
    end
endmodule
"""
PINS = {
    "i2s": ".mic_bit_clock(pins[2]), .mic_word_select(pins[1]), .mic_serial_data(pins[0])",
    "pdm": ".mic_clock(), .mic_serial_data(pins[0])",
}


@dataclass(frozen=True)
class Heard:
    """Pins cycle by cycle, and the samples that the receiver makes of them."""

    pins: list[int]
    samples: Integers


def i2s_bits(config: I2sConfig) -> Heard:
    """Loud noise on the left channel, other noise on the right; a bit clock of six cycles."""
    rng = np.random.default_rng(2)
    left, right = (np.rint(rng.normal(0, 9000, 131)).clip(-32768, 32767).astype(np.int64) for _ in range(2))
    bits = [(1, 0)] * 3
    for pair in zip(left, right, strict=True):
        bits += [(side, int(word) >> bit & 1)
                 for side, word in enumerate(pair) for bit in reversed(range(config.bits))]
    selects = [select for select, _ in bits[1:]] + [1]  # a bit ahead of the data
    # Recording stops while the right channel's last sample is on the bus.
    words = [(index < len(bits) - 4) * RECORDING | select * SELECT | bit * DATA
             for index, ((_, bit), select) in enumerate(zip(bits, selects, strict=True))]
    return Heard([word | high for word in words for high in (0, 0, 0, CLOCK, CLOCK, CLOCK)], left)


def pdm_bits(config: PdmConfig) -> Heard:
    """A sweep of tones, modulated; a bit lasts as long as the microphone's clock is low and high."""
    count = 70
    time = np.arange((count + 1) * config.decimation) / config.decimation
    bits = modulated(0.6 * np.sin(0.3 * time + 0.01 * time**2))
    recorded = count * config.decimation + config.decimation // 2
    pins = [int(bit) * DATA | (index < recorded) * RECORDING for index, bit in enumerate(bits)]
    return Heard([word for word in pins for _ in range(2 * config.half_period)],
                 np.array(averaged(config, bits)[:count], np.int64))


@pytest.mark.parametrize("kind", ["i2s", "pdm"])
@pytest.mark.parametrize("encoder", [PURSUIT, BANK], ids=["pursuit", "bank"])
def test_from_pins_to_read_outs(encoder: Encoder, kind: Literal["i2s", "pdm"], tmp_path: Path) -> None:
    mapped, network = sound_network(encoder, lanes=4)
    (port,), core = mapped.chip.inputs, mapped.chip.core("out")
    config = microphone_config(kind, port, 4.096 if kind == "pdm" else None)
    heard = i2s_bits(config) if isinstance(config, I2sConfig) else pdm_bits(config)
    write_mapped(network, mapped, tmp_path)
    write_microphone(mapped.chip, port, config, tmp_path / "rtl")
    harness = tmp_path / "harness.sv"
    harness.write_text(HARNESS.replace("{pins}", PINS[kind]).replace("{high}", str(core.word.width - 1)))
    (tmp_path / "stimulus.txt").write_text("\n".join(f"{pins:x}" for pins in heard.pins))
    sources = [*sorted((tmp_path / "rtl").glob("*.v")), harness]
    assert build_program("verilator", sources, tmp_path).run(tmp_path, [], timeout=300)
    *words, dropped = (tmp_path / "records.txt").read_text().splitlines()
    assert dropped == "dropped 0"
    steps = encoder.steps(len(heard.samples))
    sent = np.array([int(word, 16) for word in words], np.int64)
    found = receive(Sender.core(core), sent, np.arange(len(sent)), 1, steps)
    assert found.breaches == []
    counts = encode_sound(encoder, Sound(samples=(heard.samples,), steps=steps))
    assert counts.sum() > 5
    expected = IntegerModel(network).run({"mic": counts}).readouts["out"]
    assert len(np.unique(expected)) > 10
    np.testing.assert_array_equal(found.values, expected)


@pytest.mark.parametrize("contents", ["baked", "bus"])
@pytest.mark.parametrize("kind", ["i2s", "pdm"])
def test_tools_take_it(
    kind: Literal["i2s", "pdm"], contents: Literal["baked", "bus"], tmp_path: Path
) -> None:
    """Yosys and Verilator, without a warning."""
    mapped, network = sound_network(PURSUIT, contents)
    (port,) = mapped.chip.inputs
    write_mapped(network, mapped, tmp_path)
    config = microphone_config(kind, port, 8.192 if kind == "pdm" else None)
    write_microphone(mapped.chip, port, config, tmp_path / "rtl")
    log = yosys(tmp_path, "read_verilog -defer rtl/*.v", f"hierarchy -check -top {TOP}", "proc",
                "check -assert")
    assert [line for line in log.splitlines() if "warning" in line.lower()] == []
    root = find_verilator()
    command = ["perl", str(root / "bin" / "verilator"), "--lint-only", "-Wall", "--top-module", TOP]
    waivers = Path(verilog.__file__).parent / "verilog" / "lint.vlt"
    result = subprocess.run(
        [*command, str(waivers), *sorted(map(str, (tmp_path / "rtl").glob("*.v")))], cwd=tmp_path,
        capture_output=True, text=True, check=False, env={**os.environ, "VERILATOR_ROOT": str(root)})
    assert result.stderr == ""


def test_a_clock_that_a_pdm_microphone_cannot_have_is_refused() -> None:
    port = sound_network(PURSUIT)[0].chip.inputs[0]
    for clock, came in ((None, "left out"), (25.0, "25"), (1.024, "1.024")):
        with pytest.raises(ConfigError) as refused:
            microphone_config("pdm", port, clock)
        assert str(refused.value) == (
            f"clock_mhz: must be a multiple of 2.048, twice the microphone's clock, not {came}")
    assert microphone_config("pdm", port, 24.576) == PdmConfig(half_period=12, decimation=128)
    with pytest.raises(ConfigError, match=r"^clock_mhz: must be left out with i2s, which brings its clock"):
        microphone_config("i2s", port, 25.0)
    plain = map_network(network_behind(PURSUIT)).chip.inputs[0]
    with pytest.raises(ConfigError, match=r"^microphone: input 'mic' must have an encoder, and has none$"):
        microphone_config("i2s", plain)
