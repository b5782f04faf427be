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
    """Dense, static, random and gradient growth, and pruning after training, over densities."""
    densities = (0.3, 0.1) if quick else (0.3, 0.1, 0.05, 0.02)
    epochs = 25 if quick else 50
    shared: dict[str, Any] = {"epochs": epochs}
    if data.startswith("nmnist"):
        shared |= {"bin_ms": 30.0, "steps": 10, "layers": "512-512", "epochs": 15 if quick else 40}
    variants = [_variant("dense", data, {**shared, "density": 1.0, "evolution": None}, "dense", 1.0)]
    for density in densities:
        for name, grow in (("static", "none"), ("random", "random"), ("gradient", "gradient")):
            options = {**shared, "density": density, "evolution": {"grow": grow}}
            variants.append(_variant(f"{name} {density:.0%}", data, options, name, density))
        if not quick:
            momentum = {**shared, "density": density, "evolution": {"grow": "momentum"}}
            variants.append(_variant(f"momentum {density:.0%}", data, momentum, "momentum", density))
            variants.append(
                Variant(
                    name=f"pruned after {density:.0%}",
                    measure=pruned_after,
                    arguments={"method": "esl", "data": data, "options": shared, "density": density},
                    series="pruned after training",
                    x=density,
                )
            )

    def claims(outcome: Outcome) -> Sequence[Claim]:
        found = []
        for density in densities:
            at = f"{density:.0%}"
            found.append(
                outcome.claim(
                    f"gradient growth beats random at {at}", f"gradient {at}", f"random {at}", 0.0
                )
            )
            found.append(
                outcome.claim(f"random growth beats static at {at}", f"random {at}", f"static {at}", 0.0)
            )
        found.append(outcome.claim("30% of the synapses cost little", "gradient 30%", "dense", -1.0))
        found.append(outcome.claim("10% of the synapses cost some", "gradient 10%", "dense", -3.0))
        found.append(outcome.claim("growth pays at 10%", "gradient 10%", "static 10%", 0.7))
        found.append(
            outcome.claim("10% cost next to nothing (the paper)", "gradient 10%", "dense", -0.3)
        )
        return found

    return Comparison(
        title="Evolutionary structure learning: accuracy over density",
        paper=PAPER,
        data=data,
        variants=variants,
        claims=claims,
        axis="density",
    )


def _variant(name: str, data: str, options: Mapping[str, Any], series: str, x: float) -> Variant:
    arguments = {"method": "esl", "data": data, "options": options}
    return Variant(name=name, arguments=arguments, series=series, x=x)
