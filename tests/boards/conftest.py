"""Small designs whose cells are known."""

from collections.abc import Callable
from pathlib import Path

import pytest

MEMORY = """
module memory #(parameter WIDTH = 8, parameter DEPTH = 4, parameter ADDRESS = 2, parameter CONTENTS = "") (
    input wire clk, input wire [ADDRESS-1:0] address, input wire write, input wire [WIDTH-1:0] given,
    output reg [WIDTH-1:0] word);
    reg [WIDTH-1:0] words [0:DEPTH-1];
    initial if (CONTENTS != "") $readmemh(CONTENTS, words);
    always @(posedge clk) begin
        word <= words[address];
        if (write) words[address] <= given;
    end
endmodule
"""

ROM = """
module chip(input wire clk, input wire [9:0] address, output wire [17:0] word);
    memory #(.WIDTH(18), .DEPTH(1024), .ADDRESS(10), .CONTENTS("memory/rom.hex")) rom (
        .clk(clk), .address(address), .write(1'b0), .given(18'd0), .word(word));
endmodule
"""

COUNTER = """
module chip(input wire clk, input wire rst, output reg [7:0] count);
    always @(posedge clk) if (rst) count <= 0; else count <= count + 1;
endmodule
"""

Write = Callable[..., Path]


@pytest.fixture
def verilog(tmp_path: Path) -> Write:
    """Write Verilog modules, a file each, into ``rtl`` of a build folder; gives that folder."""
    def write(*modules: str, name: str = "build") -> Path:
        rtl = tmp_path / name / "rtl"
        rtl.mkdir(parents=True)
        for index, text in enumerate(modules):
            (rtl / f"part_{index}.v").write_text(text)
        return rtl
    return write


@pytest.fixture
def counter(verilog: Write) -> Path:
    """An 8-bit counter with a synchronous reset."""
    return verilog(COUNTER)


@pytest.fixture
def rom_words() -> list[int]:
    """What stands in the ROM: all bits are used."""
    return [(index * 2654435761) % (1 << 18) for index in range(1024)]


@pytest.fixture
def rom(verilog: Write, rom_words: list[int]) -> Path:
    """1024 words of 18 bits, read from ``memory/rom.hex``."""
    rtl = verilog(ROM, MEMORY)
    memory = rtl.parent / "memory"
    memory.mkdir()
    (memory / "rom.hex").write_text("".join(f"{word:05x}\n" for word in rom_words))
    return rtl
