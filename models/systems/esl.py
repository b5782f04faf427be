"""ESL-SNNs: sparse from scratch, synapses that move to where they are of use (Shen et al., AAAI 2023).

Few synapses are drawn at the start. While the weights learn, every ``period`` updates the weakest of each
layer are pruned and as many grow elsewhere, so that their number never changes:
:class:`.learning.masks.EvolvingMask`. Loss, surrogate and neurons are those of temporal efficient training
(Deng et al., ICLR 2022), which the paper builds on. What the paper claims: next to no loss of accuracy at a
tenth of the synapses.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from spikewright.models.learning.pruning import prune_by_magnitude
from spikewright.models.learning.results import integer_accuracy, load_parts, one_thread
from spikewright.models.learning.training import course, options_of
from spikewright.models.systems.comparison import Claim, Comparison, Figures, Outcome, Variant

__all__ = ["comparison", "pruned_after"]

RECORDINGS = {"bin_ms": 30.0, "steps": 10, "decay_shift": 2, "shift": 2, "batch": 50, "epochs": 60}
"""What trainings on N-MNIST differ in: steps of 30 ms, and few recordings."""

PAPER = "Shen et al., ESL-SNNs, AAAI 2023 (arXiv:2306.03693)"


@one_thread()
def pruned_after(method: str, data: str, options: Mapping[str, Any], density: float, seed: int) -> Figures:
    """Train densely, then prune the smallest weights at once, without training on: the plainest baseline."""
    chosen = options_of(method, seed=seed, **options, density=1.0, evolution=None, real_share=1.0)
    trained, held_out = load_parts(data, chosen.binning)
    trainer = course(chosen, trained)
    trainer.run()
    prune_by_magnitude(trainer.network, density)
    trainer.quantize()
    integer = trainer.network.integer_network(method)
    steps = trainer.samples.whole_steps
    coding = chosen.coding if trained.static else "events"
    accuracy = integer_accuracy(integer, held_out, steps=steps, coding=coding, seed=seed)
    return {"accuracy_integer": accuracy, "density": density, "n_test": len(held_out)}


def comparison(data: str, *, quick: bool) -> Comparison:
    """Dense, static, random and gradient growth, and pruning after training, over densities.

    For dense layers, for wider ones, and for convolutions.
    """
    recordings = data.startswith("nmnist")
    networks: dict[str, tuple[dict[str, Any], Sequence[float], Sequence[str]]] = {
        "dense layers": (
            {"epochs": 25 if quick else 30},
            (0.3, 0.1) if quick else (0.3, 0.1, 0.05),
            ("static", "random", "gradient"),
        )
    }
    if not quick:
        every = ("static", "random", "gradient", "momentum")
        networks["wide layers"] = ({"layers": "512-512", "epochs": 60}, (0.1,), every)
        convolutions = {"layers": "24c5s2-p2-48c3-p2-96", "norm": True, "steps": 2, "epochs": 30}
        networks["conv"] = (convolutions, (0.1,) if recordings else (0.3, 0.1), every)
    variants = []
    for network, (shared, densities, ways) in networks.items():
        moves: dict[str, Any] = {}
        if recordings:
            shared |= RECORDINGS
            moves = {"period": 30}  # updates are few
        whole = {**shared, "density": 1.0, "evolution": None}
        variants.append(_variant(network, data, whole, "all synapses", 1.0))
        for density in densities:
            for way in ways:
                grow = "none" if way == "static" else way
                options = {**shared, "density": density, "evolution": {"grow": grow, **moves}}
                variants.append(_variant(network, data, options, way, density))
            if network == "dense layers" and not quick:
                variants.append(
                    Variant(
                        name=f"{network}, pruned after {density:.0%}",
                        measure=pruned_after,
                        arguments={"method": "esl", "data": data, "options": shared, "density": density},
                        series="pruned after training",
                        x=density,
                        panel=network,
                    )
                )

    def claims(outcome: Outcome) -> Sequence[Claim]:
        found = []
        for network, (_, densities, _) in networks.items():
            whole, best = f"{network}, all synapses", f"{network}, gradient 10%"
            for density in densities:
                at = f"{network}, {{}} {density:.0%}"
                for better, worse in (("gradient", "random"), ("random", "static")):
                    what = f"{network}: {better} beats {worse} at {density:.0%}"
                    found.append(outcome.claim(what, at.format(better), at.format(worse), 0.0))
            if 0.3 in densities:
                what = f"{network}: 30% of the synapses cost little"
                found.append(outcome.claim(what, f"{network}, gradient 30%", whole, -1.0))
            found.append(outcome.claim(f"{network}: 10% of the synapses cost some", best, whole, -3.0))
            what = f"{network}: growth pays at 10%"
            found.append(outcome.claim(what, best, f"{network}, static 10%", 0.7))
            what = f"{network}: 10% of the synapses cost next to nothing (the paper)"
            found.append(outcome.claim(what, best, whole, -0.3))
        return found

    return Comparison(
        title="Evolutionary structure learning: accuracy over density",
        paper=PAPER,
        data=data,
        variants=variants,
        claims=claims,
        axis="share of the synapses",
    )


def _variant(network: str, data: str, options: Mapping[str, Any], way: str, density: float) -> Variant:
    name = f"{network}, {way}" if density == 1 else f"{network}, {way} {density:.0%}"
    arguments = {"method": "esl", "data": data, "options": options}
    return Variant(name=name, arguments=arguments, series=way, x=density, panel=network)
