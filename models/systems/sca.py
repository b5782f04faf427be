"""SCA: channels pruned by their activity, some regrown, while a network is trained (Li et al., ICML 2024).

After every epoch the channels of least activity are pruned and some of the pruned ones come back by the
gradient: :class:`.learning.channels.ChannelPruner`, whose docstring says where it departs from the paper and
why. What is left is a smaller network of the ordinary kind. Accuracies here are of hard-masked networks with
the pruned channels taken out.
"""

from collections.abc import Sequence
from typing import Any

from spikewright.models.systems.comparison import Claim, Comparison, Outcome, Variant

__all__ = ["comparison"]

PAPER = "Li et al., SCA-based sparse training, ICML 2024 (arXiv:2406.01072)"


def comparison(data: str, *, quick: bool) -> Comparison:
    """Dense, and a share of the channels kept by activity, without regrowth, at random, by scale.

    For a convolutional network, and for a dense one, whose channels are neurons.
    """
    networks: dict[str, dict[str, Any]] = {
        "conv": {
            "layers": "24c5s2-p2-48c3-p2-96",
            "epochs": 14,
            "steps": 2,
            "learning_rate": 4e-3,
        },
        "dense layers": {"layers": "256-256", "epochs": 14 if quick else 20, "steps": 4},
    }
    kinds: dict[str, dict[str, Any]] = {
        "activity": {},
        "no regrowth": {"regrow": 0.0},
        "random": {"ranking": "random", "regrow": 0.0},
    }
    if not quick:
        kinds["scale"] = {"ranking": "gamma"}
        kinds["layer by layer"] = {"scope": "layer"}
        kinds["layer by layer, no regrowth"] = {"scope": "layer", "regrow": 0.0}
    variants = []
    for network, shared in networks.items():
        whole = {**shared, "pruning": None}
        variants.append(_variant(network, data, whole, "whole", 1.0))
        for keep in (0.3,) if quick else (0.5, 0.3, 0.2):
            for kind, pruning in kinds.items():
                if kind in ("activity", "no regrowth") or keep == 0.3:
                    fewer = {"regrow": 0.1} if keep < 0.3 else {}  # must be below what is kept
                    options = {**shared, "pruning": {"keep": keep, **fewer, **pruning}}
                    variants.append(_variant(network, data, options, kind, keep))

    def claims(outcome: Outcome) -> Sequence[Claim]:
        found = []
        for network in networks:
            kept, whole = f"{network}, activity 30%", f"{network}, whole"
            found += [
                outcome.claim(f"{network}: 30% of the channels suffice", kept, whole, -2.0),
                outcome.claim(f"{network}: regrowth pays", kept, f"{network}, no regrowth 30%", 0.5),
                outcome.claim(f"{network}: activity beats random", kept, f"{network}, random 30%", 0.0),
            ]
            for name in ("parameters", "synaptic_operations"):
                ratio = outcome.of(kept, name) / outcome.of(whole, name)
                what = f"{network}: {name.replace('_', ' ')} at least halved"
                found.append(outcome.measured(what, ratio, most=0.5, unit="of the whole"))
            if not quick:
                each = f"{network}, layer by layer"
                what = f"{network}: regrowth pays where every layer keeps its share"
                found.append(outcome.claim(what, f"{each} 30%", f"{each}, no regrowth 30%", 0.5))
                what = f"{network}: 20% of the channels lose two points (the paper)"
                found.append(outcome.claim(what, f"{network}, activity 20%", whole, -2.0))
        return found

    return Comparison(
        title="Channels pruned by spiking activity: accuracy over channels kept",
        paper=PAPER,
        data=data,
        variants=variants,
        claims=claims,
        axis="share of the channels",
    )


def _variant(network: str, data: str, options: dict[str, Any], kind: str, keep: float) -> Variant:
    name = f"{network}, {kind}" if keep == 1 else f"{network}, {kind} {keep:.0%}"
    arguments = {"method": "sca", "data": data, "options": options}
    return Variant(name=name, arguments=arguments, series=kind, x=keep, panel=network)
