"""Spoken digits from spiketrum spikes: spikes lost or late, speakers never heard; for docs/results.md.

    python benchmarks/spiketrum_recognition.py losses BUILD      # a chip of `train sound` on fsdd
    python benchmarks/spiketrum_recognition.py speakers --encoder spiketrum.yaml [--epochs 30]

``SPIKEWRIGHT_DATA`` must name the folder with FSDD. Accuracies are those of the integer network.
"""

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from spikewright.api import Build
from spikewright.compiler.encoder_yaml import read_spiketrum
from spikewright.models.binning import Binning
from spikewright.models.data import Dataset
from spikewright.models.integer import IntegerModel
from spikewright.models.learning.results import integer_accuracy, one_thread
from spikewright.models.learning.training import options_of, train_network
from spikewright.models.named_data import read_whole
from spikewright.models.sounds import Sounds, encode_sounds
from spikewright.models.spiketrum_fixed import encode_fixed
from spikewright.spiketrum import SpiketrumConfig

LOST = (0.0, 0.05, 0.1, 0.2, 0.3, 0.5)
LATE = (1, 2, 4, 16, 64)
SEEDS = range(3)
STEPS = 64


def losses(path: Path) -> None:
    """Accuracy when spikes of the test recordings are left out, or moved in time, three times each."""
    build = Build(path)
    encoder = build.chip.inputs[0].encoder
    assert isinstance(encoder, SpiketrumConfig), "a chip with a spiketrum encoder"
    stimulus = build.stimulus("fsdd:test")
    (port,), (sound,) = build.network.inputs, stimulus.sound.values()
    spikes = [encode_fixed(samples, encoder) for samples in sound.samples]
    model = IntegerModel(build.network)

    def accuracy(change: Callable[[np.random.Generator, Any], Any], seed: int) -> float:
        rng = np.random.default_rng(seed)
        x = np.zeros((len(spikes), sound.steps, encoder.lines), np.uint8)
        for counts, one, samples in zip(x, spikes, sound.samples, strict=True):
            kept, position = change(rng, one.position)
            step = np.clip(position, 0, len(samples) - 1)[kept] // encoder.step
            np.add.at(counts, (step, one.lines(encoder)[kept]), 1)
        predicted = model.run({port.name: x}).predict(build.network.decode, build.network.outputs[0])
        return float((predicted == stimulus.y).mean())

    print("| spikes | accuracy | deviation |\n|---|---|---|")
    for share in LOST:
        found = [accuracy(lambda rng, at, p=share: (rng.random(len(at)) >= p, at), seed) for seed in SEEDS]
        print(f"| {share:.0%} lost | {np.mean(found):.2%} | {np.std(found):.2%} |", flush=True)
    for most in LATE:
        found = [accuracy(lambda rng, at, n=most: (at >= 0, at + rng.integers(-n, n + 1, len(at))), seed)
                 for seed in SEEDS]
        print(f"| moved by up to {most} samples | {np.mean(found):.2%} | {np.std(found):.2%} |", flush=True)


@one_thread()
def speakers(encoder: SpiketrumConfig, epochs: int) -> None:
    """Leave one speaker out: trained on all recordings of the others, tested on all of the one."""
    sounds = read_whole("fsdd").x
    assert isinstance(sounds, Sounds)
    everything = np.arange(len(sounds))
    x, _, _ = encode_sounds(sounds, everything, encoder, Binning(steps=STEPS).steps, "fsdd")
    names = np.array([file.stem.split("_")[1] for file in sounds.files])
    assert sounds.labels is not None
    found = []
    print("| speaker left out | accuracy |\n|---|---|")
    for name in sorted(set(names)):
        parts = [Dataset(name="fsdd", x=x[chosen], y=sounds.labels[chosen], static=False, classes=10)
                 for chosen in (names != name, names == name)]
        options = options_of("sound", encoder=encoder, steps=STEPS, epochs=epochs)
        network, _ = train_network(options, parts[0], None)
        found.append(integer_accuracy(network.integer_network("sound"), parts[1], steps=STEPS,
                                      coding="events", seed=0))
        print(f"| {name} | {found[-1]:.1%} |", flush=True)
    print(f"| mean | {np.mean(found):.1%} |")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parts = parser.add_subparsers(required=True)
    one = parts.add_parser("losses", help=losses.__doc__)
    one.add_argument("build", type=Path)
    one.set_defaults(run=lambda options: losses(options.build))
    other = parts.add_parser("speakers", help=speakers.__doc__)
    other.add_argument("--encoder", type=Path, required=True)
    other.add_argument("--epochs", type=int, default=30)
    other.set_defaults(run=lambda options: speakers(read_spiketrum(options.encoder), options.epochs))
    options = parser.parse_args()
    options.run(options)


if __name__ == "__main__":
    main()
