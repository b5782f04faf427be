"""The commands of docs/debugging.md work as the page says, from the training on."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "debugging.md"


def commands() -> list[tuple[str, list[str]]]:
    """Every command of the page, with its here-document, and the lines that it shows of the output."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", PAGE.read_text(), re.DOTALL):
        within = False
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
                within = "<<'END'" in line
            elif within:
                found[-1] = (f"{found[-1][0]}\n{line}", [])
                within = line != "END"
            else:
                found[-1][1].append(line)
    return found


def expected_code(shown: list[str]) -> int:
    """What the page's output implies: 2 for a refusal, 1 for mismatches, 0 otherwise."""
    if any(line.startswith("spikewright: ") for line in shown):
        return 2
    return int(any(line.startswith("MISMATCHES") for line in shown))


def test_the_page_has_its_commands_and_pictures() -> None:
    found = commands()
    assert sum(command.startswith("spikewright cosim") for command, _ in found) == 5
    assert [expected_code(shown) for command, shown in found if "cosim" in command][:3] == [0, 2, 1]
    for picture in re.findall(r"\]\((figures/[^)]+)\)", PAGE.read_text()):
        assert 1000 < (PAGE.parent / picture).stat().st_size < 100_000


@pytest.mark.slow
def test_the_commands_do_what_the_page_shows(tmp_path: Path) -> None:
    """Figures hang on the training, which differs between machines; what is said, and exit codes, do not."""
    environment = {"PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin", "HOME": str(tmp_path)}
    environment["PYTHONPATH"] = f"{ROOT / 'src'}:{ROOT}"
    for command, shown in commands():
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        said = done.stdout + done.stderr
        assert done.returncode == expected_code(shown), (command, said)
        for line in shown:
            pattern = re.sub(r"\d[\d,.]*", r"[\\d,.-]+", re.escape(line).replace(r"\ ", r" +"))
            if "first +divergence" in pattern:
                pattern = r"first divergence: sample \d+, .*population 'hidden1', neuron 19: "
            assert re.search(pattern, said), (command, pattern, said)
