"""The memory of a chip of standard cells, written around the build's own ``spikewright_memory``.

Whatever parameters and ports that module has, a module of the same name and header takes its place: with few
bits it holds the build's memory itself, which becomes flip-flops, with many an SRAM macro of the same header,
which is a black box in synthesis and the build's memory in simulation.
"""

import re

from spikewright.errors import ConfigError

__all__ = ["FLOPS", "MEMORY", "SRAM", "macro_for_simulation", "macro_for_synthesis", "memory_for_synthesis"]

MEMORY, SRAM, FLOPS = "spikewright_memory", "spikewright_sram", "spikewright_flops"

HEADER = re.compile(rf"module\s+{MEMORY}\b.*?\)\s*;", re.DOTALL)
PARAMETER = re.compile(r"\bparameter\s+(?:[a-z]+\s+)?(\w+)\s*=")
PORT = re.compile(r"\b(?:input|output)\s+(?:wire|reg|logic)?\s*(?:\[[^\]]*\]\s*)?(\w+)")
COMMENT = re.compile(r"//[^\n]*|/\*.*?\*/", re.DOTALL)


def header(verilog: str) -> str:
    """The module's header, without comments.

    Raises
    ------
    ConfigError
        If the module is not there.
    """
    found = HEADER.search(COMMENT.sub("", verilog))
    if found is None:
        raise ConfigError(f"Verilog: module {MEMORY} is missing")
    return found.group()


def instance(head: str, module: str, name: str) -> str:
    """An instance with every parameter and port passed on."""
    parameters = ", ".join(f".{name}({name})" for name in PARAMETER.findall(head))
    connections = ", ".join(f".{name}({name})" for name in PORT.findall(head))
    return f"{module} #({parameters}) {name} ({connections});"


def renamed(head: str, module: str) -> str:
    """The header of another module whose outputs are wires."""
    return re.sub(r"\boutput\s+(?:reg|logic)\b", "output wire", head.replace(MEMORY, module, 1))


def memory_for_synthesis(verilog: str, flop_bits: int) -> str:
    """The memory, and the build's own under another name."""
    head = header(verilog)
    flops = re.sub(rf"\bmodule\s+{MEMORY}\b", f"module {FLOPS}", verilog, count=1)
    return f"""\
{renamed(head, MEMORY)}
    generate
        if (WIDTH * DEPTH > {flop_bits}) begin : macro
            {instance(head, SRAM, "sram")}
        end else begin : flops
            {instance(head, FLOPS, "flops")}
        end
    endgenerate
endmodule

{flops}"""


def macro_for_synthesis(verilog: str) -> str:
    """The macro's ports and parameters alone, to be read with ``-lib`` so that these stay on its cells."""
    return f"{renamed(header(verilog), SRAM)}\nendmodule\n"


def macro_for_simulation(verilog: str) -> str:
    """The macro, with the build's memory inside."""
    head = header(verilog)
    return f"{renamed(head, SRAM)}\n    {instance(head, MEMORY, 'ram')}\nendmodule\n"
