"""The demo: a sparse network on handwritten digits, from training to hardware, in a few minutes."""

from pathlib import Path
from typing import Any

from spikewright import api
from spikewright.build import BuildFolder
from spikewright.stages.common import plain, read_summary, versions, write_summary

__all__ = ["DATA", "EPOCHS", "SAMPLES", "run_demo"]

DATA = "mnist5k"
EPOCHS = 100
SAMPLES = 1000
STEPS = 15
DENSITY = 0.1
HIDDEN = (128,)


def run_demo(
    output: Path, *, epochs: int = EPOCHS, samples: int = SAMPLES, seed: int = 0, force: bool = False
) -> dict[str, Any]:
    """Train a 784-128-10 network with a tenth of its synapses, and take it all the way.

    Parameters
    ----------
    output
        The build directory, which also gets ``summary.json``; the trained network is in a folder beside
        it, ``<output>-network``.

    Returns
    -------
    dict
        ``train``, ``compile``, ``cosim``, ``estimate``: what the commands of these names print as JSON.
    """
    BuildFolder(output, force=force)  # complains before anything is run
    network = output.with_name(f"{output.name}-network")
    trained = train_once(network, epochs=epochs, seed=seed, force=force)
    build = api.compile(network / "network.nir", evaluate=f"{DATA}:test", output=output, force=force)
    cosim = build.cosim(f"{DATA}:test", samples=samples, force=force)
    estimated = build.estimate(force=force)
    result = {"train": trained, "compile": build.summary, "cosim": cosim.summary, "estimate": estimated}
    write_summary(output / "summary.json", result)
    build.report()
    return result


def train_once(folder: Path, *, epochs: int, seed: int, force: bool) -> dict[str, Any]:
    """Train, unless the folder has what the same training gave."""
    options: dict[str, Any] = {
        "hidden": HIDDEN,
        "density": DENSITY,
        "steps": STEPS,
        "epochs": epochs,
        "seed": seed,
    }
    key = {"data": DATA, **options, **versions("train", "numpy", "torch", "mlxtend")}
    stamp = folder / "inputs.json"
    if not force and stamp.is_file() and read_summary(stamp) == plain(key):
        return read_summary(folder / "metrics.json")
    stamp.unlink(missing_ok=True)
    metrics = api.train("sparse", DATA, folder, **options)
    write_summary(stamp, key)
    return metrics
