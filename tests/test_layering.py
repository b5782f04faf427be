"""Which parts import which: what lies below stays light, and models and hardware stand side by side."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "src" / "spikewright"
BELOW = (
    "config", "convolution", "errors", "events", "filterbank", "filterbank_memories", "filterbank_tables",
    "fixed", "gammatone", "ir", "memories", "memory", "network", "neuron", "spiketrum", "spiketrum_memories",
    "spiketrum_tables",
)  # fmt: skip


def modules_of(part: str) -> list[str]:
    """Every module of a part but simulator benches, which only run inside a simulator."""
    files = sorted((PACKAGE / part).rglob("*.py"))
    names = [file.relative_to(PACKAGE).with_suffix("").as_posix().replace("/", ".") for file in files]
    return [f"spikewright.{name}".removesuffix(".__init__") for name in names if not name.endswith("bench")]


def loaded_by(*modules: str) -> set[str]:
    """Top-level names, and parts of ours, that importing these modules loads into a fresh interpreter."""
    return loaded_after(f"import {', '.join(modules)}")


def loaded_after(code: str) -> set[str]:
    """The same after running some code."""
    code += "\nimport sys; print('loaded:', *sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names = run.stdout.rpartition("loaded:")[2].split()
    ours = {".".join(name.split(".")[:2]) for name in names if name.startswith("spikewright.")}
    return {name.split(".")[0] for name in names} | ours


def test_what_lies_below_everything_is_light() -> None:
    loaded = loaded_by(*(f"spikewright.{name}" for name in BELOW))
    assert "numpy" in loaded, "the check itself must see what is imported"
    assert not loaded & {"torch", "amaranth", "pydantic", "typer", "rich", "nir", "cocotb", "pyosys"}
    assert {name for name in loaded if name.startswith("spikewright.")} == {
        f"spikewright.{name}" for name in BELOW
    }


def test_rtl_knows_no_models() -> None:
    loaded = loaded_by(*modules_of("rtl"))
    assert "amaranth" in loaded
    assert not loaded & {"torch", "nir", "cocotb"}
    assert not loaded & {
        f"spikewright.{part}" for part in ("models", "compiler", "cosim", "boards", "cli", "api")
    }


def test_models_know_no_hardware() -> None:
    loaded = loaded_by(*modules_of("models"))
    assert "torch" in loaded
    assert not loaded & {"amaranth", "pyosys", "cocotb"}
    assert not loaded & {f"spikewright.{part}" for part in ("rtl", "cosim", "boards", "cli", "api")}


def test_the_compiler_needs_neither_torch_nor_amaranth_to_load() -> None:
    loaded = loaded_by(*modules_of("compiler"))
    assert "nir" in loaded
    assert not loaded & {"torch", "amaranth", "pyosys", "cocotb"}
    assert not loaded & {f"spikewright.{part}" for part in ("rtl", "cosim", "boards", "cli", "api")}


def test_compiling_and_estimating_do_not_wait_for_torch() -> None:
    loaded = loaded_by("spikewright.stages.compile", "spikewright.stages.estimate")
    assert "amaranth" in loaded
    assert "torch" not in loaded


def test_the_flow_knows_no_command_line() -> None:
    loaded = loaded_by(*(f"spikewright.{name}" for name in ("api", "demo", "report", "reproduce")))
    assert "jinja2" in loaded
    assert not loaded & {"typer", "spikewright.cli"}


@pytest.mark.parametrize("part", ["models", "compiler", "rtl", "cosim", "boards"])
def test_no_part_imports_what_comes_after_it(part: str) -> None:
    after = {
        "models": {"rtl", "compiler", "cosim", "boards"},
        "rtl": {"models", "compiler", "cosim", "boards"},
        "compiler": {"rtl", "cosim", "boards"},
        "cosim": {"boards"},
        "boards": {"cosim"},
    }[part] | {"api", "cli", "stages", "demo", "report", "wording"}
    files = sorted((PACKAGE / part).rglob("*.py"))
    assert files
    for file in files:
        for node in ast.walk(ast.parse(file.read_text())):
            names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            for name in names:
                assert name.split(".")[1:2] != [] or name != "spikewright", (
                    f"{file}: names the module it means"
                )
                found = name.split(".")[1] if name.startswith("spikewright.") else None
                assert found not in after, f"{file}: {part} must not import {name}"


HEAVY = {
    "amaranth", "cocotb", "jinja2", "matplotlib", "mlxtend", "nir", "numpy", "pyosys", "scipy", "sklearn",
    "torch", "yaml",
}  # fmt: skip
"""What takes long to load."""


def test_importing_the_package_is_light() -> None:
    assert not loaded_by("spikewright") & (HEAVY | {"typer", "pydantic"})


@pytest.mark.parametrize("option", ["--help", "--version"])
def test_the_command_line_starts_with_little(option: str) -> None:
    code = f"from spikewright.cli import main\ntry: main([{option!r}])\nexcept SystemExit: pass"
    loaded = loaded_after(code)
    assert "typer" in loaded
    assert not loaded & HEAVY
