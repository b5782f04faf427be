"""docs/training.md: its program runs, its files of options are the defaults, what it names is there."""

import re
from pathlib import Path

import pytest

from spikewright.models.learning.methods import METHODS
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.training import options_of
from spikewright.train_yaml import read_options

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "training.md"
EXAMPLES = ROOT / "docs" / "examples"


def blocks(language: str) -> list[str]:
    """What the page has of a language."""
    return re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)


def test_the_program_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    program = blocks("python")
    assert len(program) == 7
    names: dict[str, object] = {}
    for number, block in enumerate(program):
        exec(compile(block, f"{PAGE.name}, block {number}", "exec"), names)
    assert (tmp_path / "out" / "converted" / "rtl" / "chip.v").is_file()


@pytest.mark.parametrize("method", ["esl", "sca", "rkd", "kd", "lasnn"])
def test_files_of_options_have_every_default(method: str) -> None:
    given = read_options(EXAMPLES / f"train_{method}.yaml")
    assert set(given) == set(TrainOptions.__dataclass_fields__) - {"method"}
    chosen = options_of(method)
    for section in ("evolution", "pruning", "teacher"):
        own = getattr(chosen, section)
        assert set(given[section] or ()) == (set() if own is None else set(own.__dataclass_fields__))
    assert options_of(method, **given) == chosen


def test_the_short_file_of_options_does_what_is_said(tmp_path: Path) -> None:
    (text,) = blocks("yaml")
    (tmp_path / "x.yaml").write_text(text)
    chosen = options_of("rkd", **read_options(tmp_path / "x.yaml"))
    assert chosen.teacher is None
    assert chosen.evolution is not None
    assert (chosen.evolution.grow, chosen.evolution.until, chosen.evolution.period) == ("random", 0.9, 60)


def test_every_method_has_its_line() -> None:
    rows = re.findall(r"^\| (`[a-z`, ]+`) \| .* \| .*\|$", PAGE.read_text(), re.MULTILINE)
    named = {name for row in rows for name in re.findall(r"`([a-z]+)`", row)}
    assert set(METHODS) <= named
