"""Data for quantization, and what it lost, as ``compile`` takes the one and tells the other."""

from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from spikewright.compiler.effort import Effort, Labelled
from spikewright.compiler.fidelity import measure
from spikewright.compiler.passes import Lowered
from spikewright.compiler.search import Search
from spikewright.models.coding import real_input
from spikewright.models.data import Dataset
from spikewright.network import InputPort
from spikewright.stages.stimulus import Coding, Stimulus, from_data

__all__ = ["effort_for", "labelled", "losses"]


def labelled(ports: tuple[InputPort, ...], stimulus: Stimulus) -> Labelled:
    """A stimulus as the real network sees it, with its classes."""
    feed = {port.name: real_input(stimulus.x[port.name], port) for port in ports}
    return Labelled(feed=feed, labels=stimulus.y, name=stimulus.name)


def effort_for(
    ports: tuple[InputPort, ...], options: Any, coding: Coding, say: Callable[[str], None]
) -> tuple[Effort, tuple[str, ...]]:
    """What :class:`~spikewright.stages.compile.CompileOptions` ask of quantization, and what is to be told.

    A search judges by the calibration's data where these have labels, so that the evaluation's stay unseen.
    """
    found: dict[str, Labelled | None] = {"calibrate": None, "evaluate": None}
    notes: tuple[str, ...] = ()
    searched = options.search_bits is not None
    for key in found if searched else ("calibrate",):
        data: str | Dataset | None = getattr(options, key)
        if data is not None:
            stimulus = from_data(ports, data, coding)
            found[key] = labelled(ports, stimulus)
            notes += stimulus.notes
    given = found["calibrate"]
    judge = given if given is not None and given.labels is not None else found["evaluate"]
    return Effort(
        scales=options.scales,
        widths=options.widths,
        calibrate=given,
        search_loss=options.search_bits,
        judge=judge if searched else None,
        finetune=options.finetune,
        advance=say,
    ), notes


def losses(lowered: Lowered, data: Labelled | None) -> dict[str, Any]:
    """What every population lost, on data if there are any, and the search and fine-tuning behind it.

    The object ``quantization`` of ``compile.json``.
    """
    outcome = lowered.outcome
    populations = []
    if data is not None:
        measured = measure(lowered.real, lowered.network, lowered.losses, data.feed)
        populations = [asdict(fidelity) for fidelity in measured]
    finetuned = outcome.finetuned
    return {
        "data": None if data is None else data.name,
        "populations": populations,
        "edges": [asdict(loss) for loss in lowered.losses],
        "search": None if outcome.search is None else trials(outcome.search),
        "finetune": None
        if finetuned is None
        else {"accuracies": list(finetuned.accuracies), "epoch": finetuned.epoch},
    }


def trials(search: Search) -> dict[str, Any]:
    """A search, its widths by name of the population."""
    named = search.populations
    return {
        "accuracy_float": search.accuracy_float,
        "most_points_lost": search.most_points_lost,
        "trials": [
            {
                **asdict(trial),
                "weight_bits": dict(zip(named, trial.weight_bits, strict=True)),
                "state_bits": dict(zip(named, trial.state_bits, strict=True)),
                "current_bits": {
                    name: bits for name, bits in zip(named, trial.current_bits, strict=True) if bits
                },
            }
            for trial in search.trials
        ],
    }
