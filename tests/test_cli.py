"""The command line: exit codes, one JSON object, and errors of one line that leave nothing behind."""

import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import nir  # type: ignore[import-untyped]
import numpy as np
import pytest

from spikewright import __version__
from spikewright.cli import app, main

COMMANDS = (
    "doctor", "train", "demo", "reproduce", "encode", "decode", "check", "compile", "cosim", "estimate",
    "report",
)  # fmt: skip


def refuse(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 2) -> str:
    """Run what must be refused: the one line that it says."""
    assert main([str(argument) for argument in arguments]) == code
    out, err = capsys.readouterr()
    assert out == "", "nothing but results goes to stdout"
    lines = err.splitlines()
    assert len(lines) == 1, err
    assert lines[0].startswith("spikewright: ")
    return lines[0].removeprefix("spikewright: ")


def json_of(capsys: pytest.CaptureFixture[str], *arguments: object, code: int = 0) -> dict[str, Any]:
    """Run with ``--json``: the object that it prints."""
    assert main([*map(str, arguments), "--json"]) == code
    out, _ = capsys.readouterr()
    found = json.loads(out, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
    assert isinstance(found, dict)
    return found


def test_help_names_every_command(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out, err = capsys.readouterr()
    assert [command.name for command in app.registered_commands] == list(COMMANDS)
    assert all(re.search(rf"^  {name}\s+\w", out, re.MULTILINE) for name in COMMANDS)
    assert err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert main([command, "--help"]) == 0
    assert capsys.readouterr().out.splitlines()[0].split()[:3] == ["Usage:", "spikewright", command]


def test_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"spikewright {__version__}\n"


def test_runs_as_a_module() -> None:
    run = subprocess.run(
        [sys.executable, "-m", "spikewright", "nonsense"], capture_output=True, text=True, check=False
    )
    assert (run.returncode, run.stdout) == (2, "")
    assert run.stderr == "spikewright: No such command 'nonsense'.\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], f"name a command: {', '.join(COMMANDS)}; spikewright --help tells more"),
        (["compile"], "Missing argument 'NET.nir'."),
        (["compile", "net.nir"], "Missing option '--output' / '-o'."),
        (
            ["compile", "net.nir", "-o", "out", "--weight-bits", "8.5"],
            "Invalid value for '--weight-bits': Input",
        ),
        (
            ["compile", "net.nir", "-o", "out", "--weight-bits", "17"],
            "Invalid value for '--weight-bits': Input should be less than or equal to 16, not '17'",
        ),
        (["compile", "net.nir", "-o", "out", "--state-bits", "7"], "Invalid value for '--state-bits': Input"),
        (["compile", "net.nir", "-o", "out", "--rows", "sparse"], "Invalid value for '--rows': "),
        (["cosim", "build", "--stall", "1"], "Invalid value for '--stall': Input"),
        (["cosim", "build", "--samples", "0"], "Invalid value for '--samples': Input"),
        (["cosim", "build", "--simulator", "vcs"], "Invalid value for '--simulator': "),
        (["estimate", "--frobnicate"], "No such option: --frobnicate"),
        (["train", "magic", "--data", "digits", "-o", "out"], "Invalid value for 'METHOD': "),
        (["doctor", "now"], "Got unexpected extra argument(s) (now)"),
    ],
)
def test_usage_errors_are_one_line(
    capsys: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert refuse(capsys, *arguments).startswith(message)


def test_doctor_says_what_is_there(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor"]) == 0
    assert "everything that is needed is there" in capsys.readouterr().out
    found = json_of(capsys, "doctor")
    tools = {tool["name"]: tool for tool in found["tools"]}
    assert found["complete"] is True
    assert {
        "python",
        "g++",
        "make",
        "perl",
        "git",
        "torch",
        "verilator",
        "iverilog",
        "pyosys",
    } <= tools.keys()
    assert tools["python"]["version"] == ".".join(map(str, sys.version_info[:3]))
    assert re.fullmatch(r"\d+\.\d+.*", tools["g++"]["version"])


def test_doctor_fails_where_a_needed_tool_is_missing(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    found = json_of(capsys, "doctor", code=1)
    tools = {tool["name"]: tool for tool in found["tools"]}
    assert found["complete"] is False
    assert tools["g++"] == {
        "name": "g++", "needed_for": "cosim with Verilator", "required": True, "found": False,
        "version": None, "remedy": "Debian, Ubuntu: apt-get install g++",
    }  # fmt: skip
    assert tools["torch"]["found"] is True
    assert main(["doctor"]) == 1
    assert "missing: g++, make, perl" in capsys.readouterr().out


def test_check_says_how_each_node_is_realised(capsys: pytest.CaptureFixture[str], network_file: Path) -> None:
    found = json_of(capsys, "check", network_file, "--semantics", network_file.with_name("semantics.yaml"))
    assert found["supported"] is True
    nodes = {node["name"]: node for node in found["nodes"]}
    assert set(nodes) == {"input", "fc1", "hidden", "fc2", "out", "output"}
    assert nodes["hidden"]["type"] == "LIF"
    assert "5 neurons" in nodes["hidden"]["realised_as"]
    assert found["fits"]


def test_check_fails_on_what_cannot_be_realised(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    ones = np.ones(3)  # potentials between populations
    leaky = nir.LI(tau=0.01 * ones, r=ones, v_leak=0 * ones)
    graph = nir.NIRGraph.from_list(leaky, nir.Linear(weight=np.eye(3)), nir.Threshold(threshold=ones))
    nir.write(tmp_path / "t.nir", graph)
    found = json_of(capsys, "check", tmp_path / "t.nir", code=1)
    assert found["supported"] is False
    assert [node["reason"] for node in found["nodes"] if not node["supported"]] != []
    assert main(["check", str(tmp_path / "t.nir")]) == 1
    assert "NOT SUPPORTED" in capsys.readouterr().out


def test_compile_prints_one_object(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    arguments = ["compile", network_file, "--source", "snntorch", "-o", tmp_path / "b"]
    found = json_of(capsys, *arguments)
    assert (found["neurons"], found["synapses"], found["weight_bits"], found["cores"]) == (8, 45, 8, 2)
    assert (found["accuracy_float"], found["accuracy_integer"]) == (None, None)
    assert found["timing"]["activity"] == "random spikes, 10% in every layer"
    assert 0 < found["timing"]["cycles_per_step"] < found["timing"]["cycles_per_inference"]
    assert found["memory_bits"] >= 45 * 8
    names = {"network.nir", "semantics.json", "config.yaml", "network.npz", "memory", "rtl", "compile.json"}
    assert {file.name for file in (tmp_path / "b").iterdir()} == names | {"manifest.json"}
    assert (tmp_path / "b" / "network.nir").read_bytes() == network_file.read_bytes()
    assert main([*map(str, arguments)]) == 0
    assert f"{tmp_path / 'b'}: up to date" in capsys.readouterr().out


def test_compiling_twice_gives_the_same_bytes(network_file: Path, tmp_path: Path) -> None:
    for name in ("a", "b"):
        assert main(["compile", str(network_file), "--source", "norse", "-o", str(tmp_path / name)]) == 0
    files = sorted(f.relative_to(tmp_path / "a") for f in (tmp_path / "a").rglob("*") if f.is_file())
    assert Path("rtl/chip.v") in files
    assert Path("config.yaml") in files
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes(), file


def bad_networks(good: bytes) -> dict[str, bytes]:
    """Files that are no network, by what is wrong."""
    return {
        "empty": b"",
        "text": b"not HDF5 at all\n",
        "truncated": good[: len(good) // 2],
        "head": good[:600],
    }


@pytest.mark.parametrize("kind", ["empty", "text", "truncated", "head"])
@pytest.mark.parametrize("command", ["check", "compile"])
def test_a_bad_network_file_is_one_line(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path, kind: str, command: str
) -> None:
    file = tmp_path / "bad.nir"
    file.write_bytes(bad_networks(network_file.read_bytes())[kind])
    options = ["-o", tmp_path / "deep" / "b"] if command == "compile" else []
    assert refuse(capsys, command, file, *options).startswith(f"{file}: is not ")
    assert [entry.name for entry in tmp_path.iterdir()] == ["bad.nir"], "nothing is left behind"


def test_weights_that_are_no_numbers_are_refused(
    capsys: pytest.CaptureFixture[str], graph: Any, tmp_path: Path
) -> None:
    graph.nodes["fc1"].weight[2, 3] = np.nan
    nir.write(tmp_path / "n.nir", graph)
    message = refuse(capsys, "compile", tmp_path / "n.nir", "-o", tmp_path / "b")
    assert message.startswith("fc1: ")
    assert not (tmp_path / "b").exists()


def test_shapes_that_do_not_fit_are_refused(
    capsys: pytest.CaptureFixture[str], graph: Any, tmp_path: Path
) -> None:
    graph.nodes["fc2"].weight = np.ones((3, 4))
    nir.write(tmp_path / "n.nir", graph)
    message = refuse(capsys, "compile", tmp_path / "n.nir", "-o", tmp_path / "b")
    assert "fc2" in message
    assert "4" in message
    assert "5" in message
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("dt: fast\n", "dt"),
        ("dt: .nan\n", "dt"),
        ("resett: zero\n", "resett"),
        ("reset: maybe\n", "reset"),
        ("- a\n- b\n", "mapping"),
        ("dt: [1e-3\n", ""),
        ("a: &a [x,x,x,x]\nb: &b [*a,*a,*a,*a]\nc: &c [*b,*b,*b,*b]\nd: [*c,*c,*c,*c]\n", ""),
        ("!!python/object/apply:os.system ['touch owned']\n", ""),
        ("dt: 1e-3\ndt: 1e-4\n", "dt"),
        ("\x00\x01", ""),
    ],
)
def test_a_bad_semantics_file_is_one_line(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path, text: str, key: str
) -> None:
    file = tmp_path / "s.yaml"
    file.write_text(text)
    message = refuse(capsys, "compile", network_file, "--semantics", file, "-o", tmp_path / "b")
    assert message.startswith(f"{file}: ")
    assert key in message
    assert not (tmp_path / "b").exists()


@pytest.mark.parametrize("name", ["config.yaml", "compile.json", "network.npz", "rtl/chip.v"])
def test_a_file_changed_by_hand_is_noticed(
    capsys: pytest.CaptureFixture[str], build: Path, network_file: Path, name: str
) -> None:
    (build / name).write_text("changed\n")
    for arguments in (["cosim", build], ["estimate", build], ["report", build]):
        assert refuse(capsys, *arguments).startswith(f"{build / name}: was changed since compile wrote it")
    semantics = network_file.with_name("semantics.yaml")
    arguments = ["compile", network_file, "--semantics", semantics, "-o", build]
    assert refuse(capsys, *arguments).startswith(f"{build / name}: was changed since compile wrote it")
    assert (build / name).read_text() == "changed\n", "what was changed by hand is not lost"
    assert main([*map(str, arguments), "--force"]) == 0
    assert (build / name).read_bytes() != b"changed\n"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("version: 99\n", "version: must be 1, not 99"),
        ("[1, 2]\n", ""),
        ("version: 1\nname: x\nfrobnicate: 1\n", ""),
        ("version: 1\n" + "a: " + "[" * 5000 + "]" * 5000, ""),
    ],
)
def test_a_broken_configuration_is_one_line(
    capsys: pytest.CaptureFixture[str], build: Path, text: str, said: str
) -> None:
    (build / "config.yaml").write_text(text)
    message = refuse(capsys, "cosim", build, "--force")
    assert message.startswith(f"{build / 'config.yaml'}: ")
    assert said in message


@pytest.mark.parametrize("command", ["cosim", "estimate", "report"])
def test_there_must_be_a_build(capsys: pytest.CaptureFixture[str], tmp_path: Path, command: str) -> None:
    message = refuse(capsys, command, tmp_path / "none")
    assert message.startswith(f"{tmp_path / 'none'}: there is no build")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--data", "imagenet"], "data: must be one of digits, mnist5k, mnist, fashion, nmnist"),
        (["--data", "no/such.npz"], "data 'no/such.npz': "),
        (["--data", "digits[5"], "data: must be NAME[:foldK/N][:train|:test][a:b], not 'digits[5'"),
        (["--data", "digits"], "data 'digits': has no time of its own, and the network does not say"),
        (
            ["--data", "digits", "--steps", "4"],
            "data 'digits': must have 6 values for input 'input', not shape",
        ),
        (["--bernoulli", "1.5"], "bernoulli must be a probability of 0..1, not 1.5"),
        (["--data", "digits", "--bernoulli", "0.1"], "give data or bernoulli, not both"),
    ],
)
def test_a_stimulus_that_does_not_fit_is_refused(
    capsys: pytest.CaptureFixture[str], compiled: Path, options: list[str], message: str
) -> None:
    assert refuse(capsys, "cosim", compiled, *options).startswith(message)
    assert not (compiled / "cosim").exists()


def test_data_of_a_wrong_shape_are_refused(
    capsys: pytest.CaptureFixture[str], compiled: Path, tmp_path: Path
) -> None:
    np.savez(tmp_path / "x.npz", x=np.zeros((2, 4, 7), np.uint8))
    message = refuse(capsys, "cosim", compiled, "--data", tmp_path / "x.npz")
    assert "must have 6 values for input 'input', not shape (7,)" in message


def test_a_missing_simulator_is_one_line(
    capsys: pytest.CaptureFixture[str], build: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    assert refuse(capsys, "cosim", build) == "verilator needs g++, which is not on PATH"
    message = refuse(capsys, "cosim", build, "--simulator", "icarus")
    assert message.startswith("iverilog is not on PATH")
    assert not (build / "cosim").exists()


def test_a_folder_that_is_no_build_is_not_overwritten(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "thesis").mkdir()
    (tmp_path / "thesis" / "chapter.tex").write_text("precious")
    message = refuse(capsys, "compile", network_file, "-o", tmp_path / "thesis")
    assert message.startswith(f"{tmp_path / 'thesis'}: the folder is not empty and has no manifest.json")
    assert [file.name for file in (tmp_path / "thesis").iterdir()] == ["chapter.tex"]


def limited(size: int, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run the command line where no file can grow beyond ``size`` bytes, as on a disk that fills up."""
    return subprocess.run(
        [sys.executable, "-m", "spikewright", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (size, size)),
    )


def test_a_disk_that_fills_up_in_mid_write_leaves_the_old_build(
    build: Path, network_file: Path, tmp_path: Path
) -> None:
    before = {file: file.read_bytes() for file in build.rglob("*") if file.is_file()}
    biggest = max(map(len, before.values()))
    arguments = ["compile", network_file, "--source", "norse", "-o"]
    for size in (1, 2000, biggest - 1):
        run = limited(size, *arguments, build)
        assert (run.returncode, run.stdout) == (2, "")
        assert run.stderr == f"spikewright: {build}: File too large; the build is as it was\n"
        assert {file: file.read_bytes() for file in build.rglob("*") if file.is_file()} == before
        run = limited(size, *arguments, tmp_path / "new")
        assert run.stderr == f"spikewright: {tmp_path / 'new'}: File too large; nothing was written\n"
    assert [entry.name for entry in tmp_path.iterdir()] == ["build"], "nothing is left beside it"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_folder_that_cannot_be_written_is_one_line(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "locked").mkdir(mode=0o555)
    message = refuse(capsys, "compile", network_file, "--source", "norse", "-o", tmp_path / "locked" / "b")
    assert message.endswith("Permission denied")


def test_a_place_under_a_file_is_one_line(
    capsys: pytest.CaptureFixture[str], network_file: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("x")
    message = refuse(capsys, "compile", network_file, "--source", "norse", "-o", tmp_path / "file" / "b")
    assert message.startswith(f"{tmp_path / 'file'}")


def test_stopping_is_not_a_traceback(
    capsys: pytest.CaptureFixture[str], build: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("spikewright.stages.cosim.cosimulate", interrupt)
    assert refuse(capsys, "cosim", build, code=130) == "stopped"
    assert not (build / "cosim").exists()


def test_a_bug_is_a_traceback(build: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr("spikewright.stages.cosim.cosimulate", fail)
    with pytest.raises(ZeroDivisionError, match=r"^a bug$"):
        main(["cosim", str(build)])


def test_a_reader_that_has_seen_enough_is_no_traceback() -> None:
    command = f"'{sys.executable}' -m spikewright doctor --json | head -c 1"
    run = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=True)
    assert run.stdout == "{"
    assert "everything that is needed" in run.stderr
    assert not re.search("Traceback|BrokenPipe|spikewright:", run.stderr)


def test_training_writes_a_network_that_compiles(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    found = json_of(
        capsys, "train", "sparse", "--data", "digits[0:200]", "--hidden", "12", "--epochs", "2",
        "--steps", "4", "--density", "0.3", "-o", tmp_path / "net",
    )  # fmt: skip
    assert {"accuracy", "density", "parameters", "epochs", "seed"} <= found.keys()
    assert (found["epochs"], found["seed"]) == (2, 0)
    arguments = [
        "compile",
        tmp_path / "net" / "network.nir",
        "--evaluate",
        "digits:test",
        "-o",
        tmp_path / "b",
    ]
    compiled = json_of(capsys, *arguments)
    assert compiled["accuracy_integer"] == found["accuracy_integer"]
    assert compiled["accuracy_float"] == found["accuracy"]
    assert compiled["nonzero_synapses"] == round(found["density"] * compiled["synapses"])


def test_training_in_time_writes_a_network_that_compiles(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    y = np.arange(40) % 2
    x = rng.random((40, 6, 4)) < np.where(y[:, None, None] == np.array([0, 0, 1, 1]), 0.8, 0.1)
    np.savez(tmp_path / "x.npz", x=x.astype(np.uint8), y=y)
    data = f"{tmp_path / 'x.npz'}"
    found = json_of(
        capsys, "train", "recurrent", "--data", data, "--hidden", "6", "--epochs", "4", "-o", tmp_path / "net"
    )
    assert (found["method"], found["epochs"], found["n_test"]) == ("recurrent", 4, 8)
    arguments = ["compile", tmp_path / "net" / "network.nir", "--evaluate", f"{data}:test"]
    compiled = json_of(capsys, *arguments, "-o", tmp_path / "b")
    assert compiled["accuracy_integer"] == found["accuracy_integer"]
    assert compiled["accuracy_float"] == found["accuracy"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["sparse", "--data", "nothing"], "data: must be one of"),
        (
            ["sparse", "--data", "digits", "--hidden", "a,b"],
            "--hidden must be numbers with commas between, not",
        ),
        (["sparse", "--data", "digits", "--density", "0"], "density must be above 0 and at most 1, not 0.0"),
        (["sparse", "--data", "digits:test"], "data 'digits:test': must name no part"),
        (
            ["sparse", "--data", "digits", "--bin-ms", "1"],
            "bin_ms: data 'digits:train' are images, which have no time of their own",
        ),
        (["sparse", "--data", "digits", "--layers", "64-p2"], "layers: p2 must be sums of a plane"),
        (["recurrent", "--data", "digits", "--bin-ms", "-1"], "bin_ms must be above 0 and finite, not -1.0"),
        (["sparse", "--data", "digits", "--layers", "64,32"], "layers: must be N, Nr, NcK, NcKsS or pP"),
        (["esl", "--data", "digits", "--layers", "4c3-"], "layers: must be N, Nr, NcK, NcKsS or pP"),
        (
            ["sca", "--data", "digits", "--layers", "p9-4"],
            "layers: 4 after sums over 9: the plane has 8 by 8 places only",
        ),
        (["lasnn", "--data", "digits", "--layers", "32r"], "teacher: convert needs layers without norm and"),
        (["sparse", "--data", "digits", "--seed", str(1 << 63)], "seed must be 0..9223372036854775806, not"),
        (["sparse", "--data", "digits", "--config", "none.yaml"], "none.yaml: there is no such file"),
        (["sparse", "--data", "digits", "--config", "."], ".: is not a file"),
    ],
)
def test_training_that_cannot_be_is_refused(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, options: list[str], message: str
) -> None:
    assert refuse(capsys, "train", *options, "-o", tmp_path / "net").startswith(message)
    assert not (tmp_path / "net").exists()


@pytest.mark.parametrize(
    ("method", "text", "message"),
    [
        ("sparse", "layer: 64\n", "{file}: layer: is not a key; keys are layers, norm, density, "),
        ("sparse", "epochs: many\n", "{file}: epochs: must be an integer, not 'many'"),
        ("esl", "evolution: {period: 0}\n", "evolution: period must be 1 or more, not 0"),
        ("sca", "evolution: {}\n", "evolution and pruning must not stand together"),
        ("kd", "teacher: {layers: 0}\n", "teacher: layers: 0 must have sizes of 1 or more"),
        ("kd", "teacher: {data: nothing}\n", "data: must be one of digits, "),
        ("kd", "teacher: {data: mnist5k}\n", "teacher: data 'mnist5k:train' must have the student's 64"),
        ("sparse", "device: nonsense\n", "device must be auto or one that torch has here, not 'nonsense'"),
        ("sparse", "encoder: none.yaml\n", "none.yaml: there is no such file"),
        ("sparse", "patience: 3\n", "patience needs validation above 0"),
        ("sparse", "validation: 0.001\n", "validation must leave samples to train on and to judge by"),
        ("sparse", "dt: 1e-3\ndt: 1e-4\n", "{file}: line 2: 'dt' stands twice"),
        ("sparse", "!!python/object/apply:os.system ['touch owned']\n", "{file}: line 1: could not"),
    ],
)
def test_a_file_of_options_that_cannot_be_is_one_line(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, method: str, text: str, message: str
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text(text)
    arguments = ["train", method, "--data", "digits[:300]", "--config", file, "-o", tmp_path / "net"]
    assert refuse(capsys, *arguments).startswith(message.format(file=file))
    assert [path.name for path in tmp_path.iterdir()] == ["x.yaml"]


def test_training_takes_a_file_and_what_is_given_goes_before_it(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "x.yaml"
    file.write_text("layers: 128\nepochs: 3\nsteps: 2\nteacher: {layers: 16, epochs: 1}\n")
    arguments = ["train", "kd", "--data", "digits[:100]", "--config", file, "-o", tmp_path / "net"]
    found = json_of(capsys, *arguments, "--layers", "14-12", "--epochs", "2")
    options = found["options"]
    assert (options["layers"], options["epochs"], options["steps"]) == ("14-12", 2, 2)
    assert (options["teacher"]["layers"], options["teacher"]["response"]) == ("16", 0.9)
    assert found == json.loads((tmp_path / "net" / "metrics.json").read_text())
    assert json_of(capsys, *arguments, "--hidden", "9")["options"]["layers"] == "9"
    assert main([*map(str, arguments), "--epochs", "1"]) == 0
    out, _ = capsys.readouterr()
    assert f"{tmp_path / 'net' / 'network.nir'}: written" in out


def test_an_interrupted_training_goes_on(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from spikewright.models.learning import trainer

    arguments = ["train", "sparse", "--data", "digits[:100]", "--layers", "12", "--epochs", "4"]
    whole = json_of(capsys, *arguments, "-o", tmp_path / "whole")
    monkeypatch.setattr(trainer, "SAVE_SECONDS", -1.0)
    epoch = trainer.Trainer.epoch

    def interrupted(one: trainer.Trainer) -> dict[str, float]:
        if len(one.history) == 3:
            raise KeyboardInterrupt
        return epoch(one)

    with monkeypatch.context() as patch:
        patch.setattr(trainer.Trainer, "epoch", interrupted)
        assert refuse(capsys, *arguments, "-o", tmp_path / "net", code=130) == "stopped"
    assert [path.name for path in (tmp_path / "net").iterdir()] == ["training.pt"]
    other = refuse(capsys, *arguments, "--seed", "1", "--resume", "-o", tmp_path / "net")
    assert other.endswith("must be of the same options and data; delete it to begin anew")
    found = json_of(capsys, *arguments, "--resume", "-o", tmp_path / "net")
    assert {**found, "seconds": 0} == {**whole, "seconds": 0}
    networks = [(tmp_path / name / "network.nir").read_bytes() for name in ("whole", "net")]
    assert networks[0] == networks[1]
