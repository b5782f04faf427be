"""Reads a waveform: what every signal was, and when."""

from collections import defaultdict
from pathlib import Path

from vcd.reader import TokenKind, tokenize

__all__ = ["Waveform", "read_vcd"]

Waveform = dict[str, list[tuple[int, int]]]
"""Changes of every signal by its name within the harness: (time in ns, value); unknown bits count as 0."""


def read_vcd(path: Path) -> Waveform:
    """Read a VCD file whose time unit is 1 ps or 1 ns."""
    scopes: list[str] = []
    names: dict[str, list[str]] = defaultdict(list)
    found: Waveform = {}
    now, scale = 0, 1
    with path.open("rb") as stream:
        for token in tokenize(stream):
            if token.kind is TokenKind.TIMESCALE:
                scale = {"ps": 1000, "ns": 1}[token.timescale.unit.value]
            elif token.kind is TokenKind.SCOPE:
                scopes.append(token.scope.ident)
            elif token.kind is TokenKind.UPSCOPE:
                scopes.pop()
            elif token.kind is TokenKind.VAR:
                name = ".".join([*scopes, token.var.reference]).partition("harness.")[2].partition("[")[0]
                names[token.var.id_code].append(name)
                found[name] = []
            elif token.kind is TokenKind.CHANGE_TIME:
                now = token.time_change
            elif token.kind in (TokenKind.CHANGE_SCALAR, TokenKind.CHANGE_VECTOR):
                change = token.scalar_change if token.kind is TokenKind.CHANGE_SCALAR else token.vector_change
                text = str(change.value) if not isinstance(change.value, int) else None
                value = (
                    change.value if text is None else int(text.replace("x", "0").replace("z", "0") or "0", 2)
                )
                for name in names[change.id_code]:
                    found[name].append((now // scale, int(value)))
    return found
