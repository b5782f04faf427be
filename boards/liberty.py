"""Liberty files (``.lib``, ``.lib.gz``) as a tree of groups.

Only what stands outside of cells is parsed at once; a cell's body when it is asked for, as libraries have
hundreds of cells in megabytes of tables and a design uses a few dozen of them.
"""

import gzip
import re
import zlib
from dataclasses import dataclass, field
from pathlib import Path

from spikewright.errors import ConfigError

__all__ = ["SUFFIXES", "Group", "is_liberty", "parse_liberty", "read_text"]

SUFFIXES = (".lib", ".lib.gz")

TOKEN = re.compile(r"""
    (?P<gap>(?:\s|\\\r?\n|/\*.*?\*/|//[^\n]*)+)
  | "(?P<string>(?:[^"\\]|\\.)*)"
  | (?P<mark>[{}();:,])
  | (?P<word>[^\s{}();:,"\\]+)
""", re.VERBOSE | re.DOTALL)

BRACE = re.compile(r'"(?:[^"\\]|\\.)*"|/\*.*?\*/|//[^\n]*|[{}]', re.DOTALL)


def is_liberty(name: str | Path) -> bool:
    """Whether a technology's name is that of a Liberty file."""
    return str(name).endswith(SUFFIXES)


@dataclass(slots=True)
class Group:
    """One group: ``kind (names) { attributes, groups }``.

    ``attributes`` has the values of ``name : value`` as text, and of ``name (value, ...)`` as tuples; of an
    attribute that stands several times the last, but all of them in ``repeated``.
    """

    kind: str
    names: tuple[str, ...]
    line: int
    attributes: dict[str, str | tuple[str, ...]] = field(default_factory=dict)
    repeated: list[tuple[str, tuple[str, ...]]] = field(default_factory=list)
    _groups: list["Group"] = field(default_factory=list)
    _body: tuple[str, int, int] | None = None

    @property
    def name(self) -> str:
        """The first name, or nothing."""
        return self.names[0] if self.names else ""

    @property
    def groups(self) -> list["Group"]:
        """The groups inside."""
        self.open()
        return self._groups

    def open(self) -> None:
        """Parse the body, unless it has been."""
        if self._body is not None:
            (text, start, end), self._body = self._body, None
            Parser(text, start, end, self.line).body(self)

    def all(self, kind: str) -> list["Group"]:
        """The groups of a kind inside."""
        return [group for group in self.groups if group.kind == kind]

    def text(self, name: str) -> str | None:
        """A simple attribute; None where it is missing."""
        self.open()
        value = self.attributes.get(name)
        return value if isinstance(value, str) else None

    def number(self, name: str) -> float | None:
        """A simple attribute that must be a number; None where it is missing."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return float(value)
        except ValueError:
            raise ConfigError(f"{self.kind} {self.name}: {name} must be a number, not {value!r}") from None


class Parser:
    """Reads the statements of ``text[start:end]``; ``line`` is that of its start."""

    def __init__(self, text: str, start: int, end: int, line: int) -> None:
        self.text, self.place, self.end, self.line = text, start, end, line
        self.fresh_line = False
        self.next()

    def next(self) -> None:
        """Go on to the next token: ``kind`` and ``token``, kind ``end`` at the end."""
        self.fresh_line = False
        while self.place < self.end:
            found = TOKEN.match(self.text, self.place, self.end)
            if found is None:
                raise ConfigError(f"line {self.line}: must be Liberty, not {self.text[self.place]!r}")
            self.place = found.end()
            if found.lastgroup == "gap":
                lines = found.group().count("\n")
                self.line += lines
                self.fresh_line |= lines > 0
                continue
            self.kind, self.token = str(found.lastgroup), str(found.group(found.lastgroup or 0))
            self.line += self.token.count("\n")
            return
        self.kind, self.token = "end", ""

    def expect(self, mark: str) -> None:
        """Take a mark."""
        if (self.kind, self.token) != ("mark", mark):
            raise ConfigError(f"line {self.line}: {mark!r} must come here, not {self.seen()}")
        self.next()

    def seen(self) -> str:
        """The token, for a message."""
        return "the end of the file" if self.kind == "end" else repr(self.token[:40])

    def body(self, group: Group) -> None:
        """Statements until the end."""
        while self.kind != "end":
            if (self.kind, self.token) == ("mark", ";"):
                self.next()
            elif self.kind in ("word", "string"):
                self.statement(group)
            else:
                raise ConfigError(f"line {self.line}: an attribute must come here, not {self.seen()}")

    def statement(self, group: Group) -> None:
        """One attribute or group."""
        name, line = self.token, self.line
        self.next()
        if (self.kind, self.token) == ("mark", ":"):
            self.next()
            group.attributes[name] = self.value()
            return
        self.expect("(")
        values = []
        while (self.kind, self.token) != ("mark", ")"):
            if self.kind == "end":
                raise ConfigError(f"line {line}: ')' is missing")
            if self.token != "," or self.kind != "mark":
                values.append(self.token)
            self.next()
        self.next_after_arguments(group, name, tuple(values), line)

    def next_after_arguments(self, group: Group, name: str, values: tuple[str, ...], line: int) -> None:
        """A group's body, where one follows; else it was an attribute of several values."""
        self.next()
        if (self.kind, self.token) != ("mark", "{"):
            group.attributes[name] = values
            group.repeated.append((name, values))
            return
        inner = Group(name, values, self.line)
        close = closing(self.text, self.place, self.end, self.line)
        inner._body = (self.text, self.place, close)
        if name != "cell":
            inner.open()
        self.line += self.text.count("\n", self.place, close)
        self.place = close + 1
        group._groups.append(inner)
        self.next()

    def value(self) -> str:
        """What stands to the right of a colon: to the semicolon, or where that is left out the line's end."""
        parts: list[str] = []
        while self.kind in ("word", "string") and not (parts and self.fresh_line):
            parts.append(self.token)
            self.next()
        return " ".join(parts)


def closing(text: str, start: int, end: int, line: int) -> int:
    """Where the brace that was opened before ``start`` closes."""
    depth = 1
    for found in BRACE.finditer(text, start, end):
        depth += {"{": 1, "}": -1}.get(found.group(), 0)
        if depth == 0:
            return found.start()
    raise ConfigError(f"line {line}: a group is opened and not closed, the file is cut off")


def read_text(path: Path) -> str:
    """Text of a file, unpacked if it is compressed.

    Raises
    ------
    ConfigError
        If it cannot be read or is damaged.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise ConfigError(f"{path}: must be a whole gzip file: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error
    return content.decode("utf-8", errors="replace")


def parse_liberty(path: Path) -> Group:
    """The ``library`` group of a file.

    Raises
    ------
    ConfigError
        If it is not Liberty: with the line.
    """
    text = read_text(path)
    try:
        root = Group("file", (), 1)
        Parser(text, 0, len(text), 1).body(root)
        libraries = root.all("library")
        if len(libraries) != 1 or not libraries[0].all("cell"):
            raise ConfigError("must hold one library with cells")
        return libraries[0]
    except ConfigError as error:
        raise ConfigError(f"{path.name}: {error}") from None
