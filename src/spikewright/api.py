"""The flow from Python: compile a network, then co-simulate, estimate and report on the build.

Ten lines take a network to its report; the command line is a thin layer over this module.
"""

from collections.abc import Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from spikewright.atomic import written
from spikewright.build import BuildFolder
from spikewright.errors import ConfigError
from spikewright.stages.common import read_summary

if TYPE_CHECKING:
    from spikewright.compiler.calibrate import Widths
    from spikewright.compiler.mapping import Contents, RowsChoice
    from spikewright.compiler.plan import Granularity
    from spikewright.config import ChipConfig
    from spikewright.cosim.simulators import Simulator
    from spikewright.models.binning import Polarity
    from spikewright.models.data import Dataset
    from spikewright.models.encoders import Encoder
    from spikewright.models.integer import IntegerModel
    from spikewright.network import IntegerNetwork
    from spikewright.rtl.microphone import Microphone
    from spikewright.spiketrum import SpiketrumConfig
    from spikewright.stages.cosim import Cosim
    from spikewright.stages.stimulus import Stimulus

    Data = str | Dataset | tuple[Any, Any]

__all__ = ["Build", "check", "compile", "decode", "encode", "train"]

RANDOM_SAMPLES, RANDOM_STEPS, RANDOM_PROBABILITY = 8, 32, 0.1
"""What a co-simulation runs when it is told nothing and the network was never evaluated."""


def compile(
    network: Any,
    *,
    semantics: "str | Path | Mapping[str, Any] | None" = None,
    source: str | None = None,
    weight_bits: int | None = None,
    state_bits: int | None = None,
    lanes: int | None = None,
    rows: "RowsChoice" = "auto",
    contents: "Contents" = "baked",
    calibrate: "Data | None" = None,
    evaluate: "Data | None" = None,
    steps: int | None = None,
    bin_ms: float | None = None,
    polarity: "Polarity | None" = None,
    scales: "Granularity" = "layer",
    widths: "Widths" = "proven",
    search_bits: float | None = None,
    finetune: int | None = None,
    encoder: "Encoder | str | Path | None" = None,
    encoder_lanes: int | None = None,
    microphone: "Microphone | None" = None,
    clock_mhz: float | None = None,
    output: str | Path | None = None,
    force: bool = False,
) -> "Build":
    """Compile a network to configuration, memory contents and Verilog.

    Parameters
    ----------
    network
        A ``nir.NIRGraph``, or the path of a NIR file.
    semantics, source
        What NIR does not carry: a YAML file or a mapping with its keys, and the framework that the
        network comes from (``snntorch``, ``norse``, ...).
    weight_bits, state_bits
        Widths, 2 to 16 and 8 to 24; by default as trained, else 8 and as the network needs.
    lanes
        Neurons that a core works on at once, a power of two; by default chosen by its size.
    rows
        How synapses are stored: ``dense``, ``compressed``, or ``auto``, whichever is smaller.
    contents
        ``baked`` into the hardware, or loaded over the configuration ``bus``.
    calibrate, evaluate
        Data to choose scales with, and to measure accuracies on: ``NAME[:foldK/N][:train|:test][a:b]``, a
        :class:`~spikewright.models.data.Dataset`, or ``(x, y)`` with x ``(samples, steps, *shape)``.
    steps
        For how many steps an image is shown or a recording lasts, where the network does not say.
    bin_ms, polarity
        How event recordings become steps, where the network does not say: milliseconds of a step, and
        ``separate`` (a channel for each polarity), ``merge``, ``on`` or ``off``; by default as channels are.
    scales
        A scale for each ``layer``, or for each ``channel`` (of dense layers: each neuron).
    widths
        States so wide that they are ``proven`` never to saturate, or ``calibrated``: as the potentials ask
        for that are seen on the calibration's data.
    search_bits
        Take the narrowest weights and states that lose at most so many percentage points of accuracy, on the
        calibration's data if these have labels, else on the evaluation's.
    finetune
        Train so many epochs on the integer grid, with the calibration's data.
    encoder, encoder_lanes
        An encoder that stands in front of the network on the chip, which then takes sound: a configuration or
        a ``spiketrum.yaml``; and the channels that a spiketrum encoder works on at a time, by default as many
        as keep up with its rate at 50 MHz.
    microphone, clock_mhz
        Write a module around the chip, too, that takes its sound from an ``i2s`` or ``pdm`` microphone; and
        the chip's clock, which that of a PDM microphone is made of.
    output
        The build directory; by default ``out/`` and the network's name.
    force
        Compile even if nothing changed, and over files that were changed by hand.
    """
    from spikewright.stages.compile import CompileOptions, run_compile, semantics_of

    options = CompileOptions(
        semantics=semantics_of(semantics),
        source=source,
        weight_bits=weight_bits,
        state_bits=state_bits,
        lanes=lanes,
        rows=rows,
        contents=contents,
        calibrate=dataset(calibrate),
        evaluate=dataset(evaluate),
        steps=steps,
        bin_ms=bin_ms,
        polarity=polarity,
        scales=scales,
        widths=widths,
        search_bits=search_bits,
        finetune=finetune,
        encoder=encoder_from(encoder),
        encoder_lanes=encoder_lanes,
        microphone=microphone,
        clock_mhz=clock_mhz,
    )
    if output is None:
        output = Path("out", Path(network).stem if isinstance(network, str | Path) else "network")
    folder, ran = run_compile(network, Path(output), options, force=force)
    return Build(folder.path, fresh=ran)


def encoder_from(given: "Encoder | str | Path | None") -> "Encoder | None":
    """A configuration as it is, or read from a ``spiketrum.yaml``."""
    from spikewright.compiler.encoder_yaml import read_encoder

    return read_encoder(Path(given)) if isinstance(given, str | Path) else given


def train(
    method: str,
    data: str,
    output: str | Path | None = None,
    *,
    config: str | Path | None = None,
    resume: bool = False,
    log: str | Path | None = None,
    **options: Any,
) -> dict[str, Any]:
    """Train a network in PyTorch and measure it on held-out data.

    Parameters
    ----------
    method
        How to train: a name of :data:`spikewright.models.learning.methods.METHODS`.
    data
        ``NAME[a:b]``; it is trained on the part ``train`` and measured on the part ``test``.
    output
        Folder for ``network.nir``, ``checkpoint.pt`` and ``metrics.json``, and ``spiketrum.yaml`` where sound
        was encoded; None writes nothing.
    config
        YAML with options of the method.
    resume
        Go on where an interrupted training into this folder stopped.
    log
        Folder for event files of TensorBoard, with the figures of every epoch.
    options
        Of the method, before those of ``config``: fields of
        :class:`spikewright.models.learning.options.TrainOptions`.

    Returns
    -------
    dict
        ``accuracy``, ``density``, ``parameters`` ...: the object that ``spikewright train --json`` prints.
    """
    from spikewright.models.learning.training import options_of
    from spikewright.models.learning.training import train as train_to
    from spikewright.progress import progress
    from spikewright.train_yaml import read_options

    folder = None if output is None else Path(output)
    given = {**({} if config is None else read_options(Path(config))), **options}
    if "encoder" in given:
        given["encoder"] = encoder_from(given["encoder"])
    chosen = options_of(method, **given)
    events = None if log is None else Path(log)
    with progress("training", max(1, chosen.epochs)) as advance:

        def shown(done: int, total: int, loss: float) -> None:
            advance(1, f"epoch {done} of {total}, loss {loss:.3f}")

        results = train_to(chosen, data, folder, progress=shown, resume=resume, log=events)
        if folder is not None and chosen.encoder is not None:
            from spikewright.compiler.encoder_yaml import encoder_text

            with written(folder / "spiketrum.yaml") as path:
                path.write_text(encoder_text(chosen.encoder), encoding="utf-8")
    return results.metrics


def check(
    network: Any,
    *,
    semantics: "str | Path | Mapping[str, Any] | None" = None,
    source: str | None = None,
    weight_bits: int | None = None,
) -> dict[str, Any]:
    """Say of every node of a NIR graph whether it is supported and how it is realised, or why not.

    Returns
    -------
    dict
        ``supported``, ``nodes``, ``fits``: the object that ``spikewright check --json`` prints.
    """
    from spikewright.compiler.check import check as check_graph

    return check_graph(network, semantics=semantics, source=source, weight_bits=weight_bits).as_dict()


def encode(
    audio: str | Path,
    output: str | Path,
    *,
    config: "str | Path | SpiketrumConfig | None" = None,
    rate: int | None = None,
    channels: int | None = None,
    levels: int | None = None,
    fixed: bool = False,
    window: int | None = None,
    as_it_is: bool = False,
    plot: str | Path | None = None,
) -> dict[str, Any]:
    """Encode a sound file as spikes.

    Parameters
    ----------
    output
        The npz to write.
    config
        The encoder, or a ``spiketrum.yaml``; ``rate``, ``channels`` and ``levels`` take the place of what it
        says. No levels (0) leaves amplitudes as they are.
    fixed
        In integers, as the hardware does.
    window
        Samples that the float encoder codes at a time.
    as_it_is
        Neither take out a constant offset nor bring the peak to full scale.
    plot
        A picture to draw.

    Returns
    -------
    dict
        ``spikes``, ``spikes_per_second``, ``snr_db`` ...: what ``spikewright encode --json`` prints.
    """
    from dataclasses import replace

    from spikewright.compiler.encoder_yaml import read_spiketrum
    from spikewright.spiketrum import SpiketrumConfig
    from spikewright.stages.encode import EncodeOptions, encode_file, with_rate

    if config is None:
        config = SpiketrumConfig()
    chosen = config if isinstance(config, SpiketrumConfig) else read_spiketrum(Path(config))
    if channels is not None:
        chosen = replace(chosen, channels=channels)
    if levels:
        chosen = replace(chosen, levels=levels)
    if rate is not None:
        chosen = with_rate(chosen, rate)
    options = EncodeOptions(fixed=fixed, quantised=levels != 0, window=window, as_it_is=as_it_is)
    picture = None if plot is None else Path(plot)
    return encode_file(Path(audio), Path(output), chosen, options, picture)


def decode(spikes: str | Path, output: str | Path) -> dict[str, Any]:
    """Decode an npz of spikes to a sound file; the object that ``spikewright decode --json`` prints."""
    from spikewright.stages.encode import decode_file

    return decode_file(Path(spikes), Path(output))


class Build:
    """A compiled network: the hardware in a build directory, and what can be asked of it.

    Parameters
    ----------
    path
        The build directory.
    force
        Use files although they were changed by hand.
    fresh
        Whether it was compiled just now.
    """

    def __init__(self, path: str | Path, *, force: bool = False, fresh: bool = False) -> None:
        self.folder = BuildFolder.existing(Path(path))
        self.fresh = fresh
        if not force:
            self.folder.check(["compile"])

    @property
    def path(self) -> Path:
        """The build directory."""
        return self.folder.path

    @cached_property
    def summary(self) -> dict[str, Any]:
        """Sizes and accuracies: the object that ``spikewright compile --json`` prints."""
        return read_summary(self.path / "compile.json")

    @cached_property
    def chip(self) -> "ChipConfig":
        """What the hardware is built for."""
        from spikewright.compiler.config_yaml import read_config

        return read_config(self.path / "config.yaml")

    @cached_property
    def network(self) -> "IntegerNetwork":
        """The integer network that the hardware does."""
        from spikewright.compiler.storage import read_network_file

        return read_network_file(self.path / "network.npz")

    @cached_property
    def model(self) -> "IntegerModel":
        """The integer network as a torch module: ``build.model(x)`` gives spikes, read-outs and states."""
        from spikewright.models.integer import IntegerModel

        return IntegerModel(self.network)

    def stimulus(
        self,
        x: "Data | Mapping[str, Any] | Any" = None,
        y: Any = None,
        *,
        bernoulli: float | None = None,
        steps: int | None = None,
        samples: int | None = None,
        bin_ms: float | None = None,
        polarity: "Polarity | None" = None,
        seed: int = 0,
    ) -> "Stimulus":
        """Events for the inputs: a data set as coded in training, random spikes, or arrays as they are."""
        from spikewright.models.data import Dataset
        from spikewright.models.encoders import Sound, encoded_events
        from spikewright.stages.stimulus import Coding, Stimulus, from_data, random_spikes

        if x is None and bernoulli is None:
            x = self.summary["evaluate"] if isinstance(self.summary["evaluate"], str) else None
        if x is None:
            probability = RANDOM_PROBABILITY if bernoulli is None else bernoulli
            return random_spikes(
                self.network.inputs,
                probability,
                samples=samples or RANDOM_SAMPLES,
                steps=steps or RANDOM_STEPS,
                seed=seed,
            )
        if bernoulli is not None:
            raise ConfigError("give data or bernoulli, not both")
        if isinstance(x, str | Dataset):
            coding = Coding.of_metadata(self.summary["coding"], steps, bin_ms, polarity)
            return from_data(self.network.inputs, x, coding, samples)
        arrays = x if isinstance(x, Mapping) else {self.network.inputs[0].name: x}
        sound = {name: value[:samples] for name, value in arrays.items() if isinstance(value, Sound)}
        arrays = encoded_events(self.chip, arrays) if sound else arrays
        chosen = {name: np.asarray(array)[:samples] for name, array in arrays.items()}
        shapes = {name: list(array.shape) for name, array in chosen.items()}
        labels = None if y is None else np.asarray(y)[:samples]
        return Stimulus(x=chosen, y=labels, options={"arrays": shapes}, sound=sound)

    def cosim(
        self,
        x: "Data | Mapping[str, Any] | Any" = None,
        y: Any = None,
        *,
        bernoulli: float | None = None,
        steps: int | None = None,
        samples: int | None = None,
        bin_ms: float | None = None,
        polarity: "Polarity | None" = None,
        seed: int = 0,
        simulator: "Simulator" = "verilator",
        stall: float = 0.0,
        stepped: int | None = None,
        inject: int | None = None,
        waves: bool = False,
        waves_at: tuple[int, int] | None = None,
        waves_steps: int = 2,
        force: bool = False,
    ) -> "Cosim":
        """Run the Verilog in a simulator and compare every spike, read-out and state with PyTorch.

        Parameters
        ----------
        x, y
            Events ``(samples, steps, *shape)`` (of several inputs by name), and labels; or data by name; of
            an input with an encoder a :class:`spikewright.models.encoders.Sound`; nothing: the data that the
            network was evaluated on, else random spikes.
        bernoulli, steps
            Random spikes of this probability instead.
        bin_ms, polarity
            How event recordings become steps, where it is not to be as in :func:`compile`.
        samples
            Run so many from the beginning.
        stall
            Probability of a gap on every stream in every cycle.
        stepped
            So many samples are run once more and stepped through, all states compared after every step.
        inject
            Put in so many single faults, one a run, and count those that the comparison finds.
        waves, waves_at, waves_steps
            Keep ``cosim/waves.vcd`` of (sample, step), else of the first divergence, else of the first
            steps, with so many steps before and after.
        force
            Run even if the same run stands in the build.
        """
        from spikewright.stages.cosim import CosimOptions, run_cosim

        stimulus = self.stimulus(
            x,
            y,
            bernoulli=bernoulli,
            steps=steps,
            samples=samples,
            bin_ms=bin_ms,
            polarity=polarity,
            seed=seed,
        )
        options = CosimOptions(
            simulator=simulator,
            stall=stall,
            seed=seed,
            stepped=stepped,
            waves=waves,
            waves_at=waves_at,
            waves_steps=waves_steps,
            inject=inject,
        )
        images = self.images() if self.chip.contents == "bus" or inject is not None else None
        return run_cosim(self.folder, self.chip, self.network, stimulus, options, images=images, force=force)

    def estimate(
        self,
        technologies: Sequence[str] | None = None,
        *,
        x: "Data | Mapping[str, Any] | Any" = None,
        bernoulli: float | None = None,
        steps: int | None = None,
        samples: int | None = None,
        bin_ms: float | None = None,
        polarity: "Polarity | None" = None,
        seed: int = 0,
        force: bool = False,
    ) -> dict[str, Any]:
        """Area and clock from Yosys and nextpnr, energy from counted activity.

        Parameters
        ----------
        technologies
            Names of FPGAs and of technologies, technology files, or Liberty files (``.lib``, ``.lib.gz``).
        x, bernoulli, steps, samples, bin_ms, polarity, seed
            Activity of such a run of the model; by default that of the last co-simulation.
        """
        from spikewright.boards.liberty import is_liberty
        from spikewright.stages.estimate import DEFAULT_TECHNOLOGIES, model_activity, run_estimate
        from spikewright.stages.stimulus import for_chip

        activity, options, arrays = None, {}, None
        if x is not None or bernoulli is not None:
            stimulus = self.stimulus(
                x,
                bernoulli=bernoulli,
                steps=steps,
                samples=samples,
                bin_ms=bin_ms,
                polarity=polarity,
                seed=seed,
            )
            stimulus = for_chip(self.chip, stimulus)
            activity = model_activity(self.chip, self.model, stimulus.x, stimulus.sound)
            options = stimulus.options
            arrays = stimulus.x
        chosen = DEFAULT_TECHNOLOGIES if technologies is None else technologies
        gates: dict[str, Any] = {}
        if any(is_liberty(name.partition("@")[0]) for name in chosen):
            images = self.images() if self.chip.contents == "bus" else None
            gates = {"model": self.model, "x": arrays, "images": images}
        return run_estimate(self.folder, self.chip, chosen, activity, options, force=force, **gates)

    def report(self) -> Path:
        """Write ``report.html`` from all that the build holds; its path."""
        from spikewright.report import write_report

        return write_report(self.folder)

    def images(self) -> dict[str, Any]:
        """Contents of the memories, by name."""
        from spikewright.compiler.images import read_images

        return read_images(self.chip, self.path / "memory")


def dataset(data: "Data | None") -> "str | Dataset | None":
    """Data by name as it is, arrays as a data set."""
    if not isinstance(data, tuple):
        return data
    from spikewright.models.data import Dataset

    x, y = data
    labels = None if y is None else np.asarray(y, np.int64)
    classes = 0 if labels is None else int(labels.max()) + 1
    return Dataset(name="arrays", x=np.asarray(x), y=labels, static=False, classes=classes)
