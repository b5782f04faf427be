"""Sparse training: masks whose weakest synapses die while as many new ones grow, or which stay as drawn."""

import math
from collections.abc import Iterable, Mapping
from typing import Any, Literal

import torch

from spikewright.errors import CheckFailedError, ConfigError
from spikewright.models.learning.weights import (
    SPREADS,
    CollectingMask,
    Weight,
    check_choice,
    find_weights,
    lay_mask,
    make_plain,
    own_densities,
    synapse_counts,
)
from spikewright.models.sparse import Spread, counted_mask

__all__ = ["EvolvingMask", "Grow", "Prune", "Schedule"]

Prune = Literal["magnitude", "none"]
Grow = Literal["gradient", "random", "momentum", "none"]
Schedule = Literal["cosine", "linear", "constant"]


class EvolvingMask:
    """Trains a network with a constant number of synapses, which move to where they are of use.

    Every ``period`` updates the share ``fraction`` of each weight's synapses, those of smallest magnitude,
    gives way to as many among the places that were empty before: evolutionary structure learning of Shen et
    al., AAAI 2023 (ESL-SNNs), with the rules of Mocanu et al. 2018 (SET: ``grow="random"``), Evci et al. 2020
    (RigL: ``gradient``) and Dettmers & Zettlemoyer 2019 (sparse momentum: ``momentum``; without their
    redistribution among layers). New weights start at 0, and what the optimizer remembers of moved places
    (its state of the weight's shape: moments) is set to 0. Places outside a mask hold 0, have no gradient
    and are moved by no optimizer. A part of a training (:class:`spikewright.models.learning.part.Part`).

    Parameters
    ----------
    module
        Any network. Its weights are masked by a parametrization: their attributes read as 0 outside the mask,
        and the parameters, which the optimizer knows, stay the same objects.
    optimizer
        Trains the weights.
    density
        Share of synapses that exist, of all weights not in ``dense`` together; the number is exact.
    generator
        On the CPU; draws masks, random growth, and the order of equal candidates.
    initial
        How weights share the density at first, and so ever after:
        :func:`spikewright.models.sparse.weight_densities`.
    prune
        ``magnitude``: the smallest absolute weights. ``none`` only where nothing grows.
    grow
        ``gradient``: largest absolute gradient of one batch, that of the update, with respect to the masked
        product, at empty places too; ``momentum``: of its exponential mean, collected in every batch;
        ``random``; ``none``: masks stay as drawn (static sparse training).
    period
        Updates of the optimizer from one update of the masks to the next.
    fraction
        Share of a weight's synapses that move, at first.
    schedule
        How it goes down until ``last_update``: ``cosine``, ``linear``, or not (``constant``).
    last_update
        Masks move after fewer updates of the optimizer than that, and stay from then on.
    momentum
        Factor of the mean from one batch to the next.
    weights
        Names, as ``0.weight``; by default all of :func:`spikewright.models.learning.weights.find_weights`.
    dense
        Names of weights that stay dense, or a mapping from names to densities of their own.
    rescale
        Whether weights start divided by ``sqrt(density)``, so that drives keep their variance.

    Raises
    ------
    ConfigError
        If an option is out of range, a weight cannot be masked, or the optimizer lacks one.
    """

    def __init__(
        self,
        module: torch.nn.Module,
        optimizer: torch.optim.Optimizer,
        *,
        density: float,
        generator: torch.Generator,
        initial: Spread = "erdos_renyi",
        prune: Prune = "magnitude",
        grow: Grow = "gradient",
        period: int = 100,
        fraction: float = 0.3,
        schedule: Schedule = "cosine",
        last_update: int | None = None,
        momentum: float = 0.9,
        weights: Iterable[str] | None = None,
        dense: Iterable[str] | Mapping[str, float] = (),
        rescale: bool = True,
    ) -> None:
        check_choice("initial", initial, SPREADS)
        check_choice("prune", prune, ("magnitude", "none"))
        check_choice("grow", grow, ("gradient", "random", "momentum", "none"))
        check_choice("schedule", schedule, ("cosine", "linear", "constant"))
        if grow != "none" and prune == "none":
            raise ConfigError(f"prune must be magnitude where synapses grow by {grow}, not none")
        if period < 1:
            raise ConfigError(f"period must be at least 1, not {period}")
        if not 0 < fraction <= 1:
            raise ConfigError(f"fraction must be above 0 and at most 1, not {fraction}")
        if not 0 <= momentum < 1:
            raise ConfigError(f"momentum must be at least 0 and below 1, not {momentum}")
        if grow != "none" and (last_update is None or last_update < 1):
            raise ConfigError(f"last_update must be at least 1 where masks evolve, not {last_update}")
        self.optimizer = optimizer
        self.generator = generator
        self.grow: Grow = grow
        self.period, self.fraction, self.momentum = period, fraction, momentum
        self.schedule: Schedule = schedule
        self.last_update = last_update or 0
        self._weights = find_weights(module, weights)
        held = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
        for weight in self._weights:
            if id(weight.parameter) not in held:
                raise ConfigError(f"optimizer must train every weight, not leave out {weight.name}")
        own = own_densities(dense, self._weights)
        self._counts = synapse_counts(self._weights, density, initial, own)
        self._synapses: dict[str, CollectingMask] = {}
        for weight in self._weights:
            if own.get(weight.name) != 1:
                mask = counted_mask(weight.parameter.shape, self._counts[weight.name], generator)
                self._synapses[weight.name] = lay_mask(weight, mask, rescale=rescale)
        self._means: dict[str, torch.Tensor] = {}
        self._stopped = grow == "none"
        self._moved = 0

    @property
    def density(self) -> float:
        """Share of synapses that exist, of all weights together, dense ones among them."""
        return sum(self._counts.values()) / sum(weight.parameter.numel() for weight in self._weights)

    def densities(self) -> dict[str, float]:
        """Share of synapses that exist, of every weight."""
        return {weight.name: self._counts[weight.name] / weight.parameter.numel() for weight in self._weights}

    def masks(self) -> dict[str, torch.Tensor]:
        """Where synapses exist, of every weight that is masked: booleans of its shape."""
        return {name: synapses.mask.clone() for name, synapses in self._synapses.items()}

    def stop(self) -> None:
        """Leave the masks as they are from now on."""
        self._stopped = True
        for synapses in self._synapses.values():
            synapses.collecting, synapses.gradient = False, None

    def remove(self) -> None:
        """Stop, and leave plain weights, 0 where there is no synapse: for export, not to train on."""
        self.stop()
        for weight in self._weights:
            if weight.name in self._synapses:
                make_plain(weight.owner, weight.attribute)

    def before_batch(self, update: int) -> None:
        """Collect the gradient of this batch if it will be needed."""
        due = False
        if not self._stopped and self.grow == "momentum":
            due = update < self.last_update
        elif not self._stopped and self.grow == "gradient":
            due = self._moving(update) > 0
        for synapses in self._synapses.values():
            synapses.collecting, synapses.gradient = due, None

    def after_update(self, update: int) -> None:
        """Move synapses if ``period`` updates have gone by.

        Raises
        ------
        CheckFailedError
            If a weight has not exactly as many synapses as it started with.
        ConfigError
            If a weight got no gradient to grow by.
        """
        if self._stopped:
            return
        gradients = {} if self.grow == "random" else self._collected()
        if self.grow == "momentum":
            for name, gradient in gradients.items():
                mean = self._means.get(name)
                new = (1 - self.momentum) * gradient
                self._means[name] = new if mean is None else self.momentum * mean + new
            gradients = self._means
        fraction = self._moving(update)
        if fraction > 0:
            for weight in self._weights:
                if weight.name in self._synapses:
                    if self.grow != "random" and weight.name not in gradients:
                        raise ConfigError(f"grow must not be {self.grow}: {weight.name} got no gradient")
                    self._moved += self._move(weight, fraction, gradients.get(weight.name))
            self._check()

    def after_epoch(self, epoch: int) -> dict[str, float]:  # noqa: ARG002
        """Density, and the share of synapses that moved in the epoch (one that moved twice counts twice)."""
        self._check()
        live = sum(self._counts[name] for name in self._synapses)
        moved, self._moved = self._moved, 0
        return {"density": self.density, "moved": moved / live if live else 0.0}

    def state_dict(self) -> dict[str, Any]:
        """Masks, means of gradients, the generator's state."""
        return {
            "masks": self.masks(),
            "means": {name: mean.clone() for name, mean in self._means.items()},
            "generator": self.generator.get_state(),
            "moved": self._moved,
            "stopped": self._stopped,
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Go on where :meth:`state_dict` was taken; network and optimizer are loaded on their own.

        Raises
        ------
        ConfigError
            If the masks are not those of this network and density.
        """
        for name, synapses in self._synapses.items():
            mask = state["masks"].get(name)
            if mask is None or mask.shape != synapses.mask.shape or int(mask.sum()) != self._counts[name]:
                raise ConfigError(f"state must have a mask of {self._counts[name]} synapses of {name}")
        for name, synapses in self._synapses.items():
            synapses.mask.copy_(state["masks"][name])
        self._means = {
            name: mean.to(self._synapses[name].mask.device).clone() for name, mean in state["means"].items()
        }
        self.generator.set_state(state["generator"])
        self._moved = state["moved"]
        self._stopped = state["stopped"]

    def _moving(self, update: int) -> float:
        """Share of synapses that move after this update; 0 if none do."""
        done = update + 1
        if done % self.period or done >= self.last_update:
            return 0.0
        share = done / self.last_update
        if self.schedule == "cosine":
            return self.fraction * (1 + math.cos(math.pi * share)) / 2
        return self.fraction * (1 - share) if self.schedule == "linear" else self.fraction

    def _collected(self) -> dict[str, torch.Tensor]:
        """Gradients of the batch, of the weights that got one; collects no more."""
        gradients = {}
        for name, synapses in self._synapses.items():
            if synapses.gradient is not None:
                gradients[name] = synapses.gradient
            synapses.collecting, synapses.gradient = False, None
        return gradients

    @torch.no_grad()
    def _move(self, weight: Weight, fraction: float, gradient: torch.Tensor | None) -> int:
        """Prune and grow one weight; how many synapses moved."""
        mask = self._synapses[weight.name].mask
        exists = mask.flatten()
        live, empty = exists.nonzero().squeeze(1), (~exists).nonzero().squeeze(1)
        number = min(math.floor(fraction * len(live) + 1e-9), len(empty))
        if number == 0:
            return 0
        magnitude = weight.parameter.flatten()[live].abs()
        weakest = live[torch.argsort(magnitude, stable=True)[:number]]
        # In random order first: equal candidates, such as those of a silent neuron, grow evenly.
        candidates = empty[torch.randperm(len(empty), generator=self.generator).to(empty.device)]
        if gradient is not None:
            strength = gradient.flatten()[candidates].abs()
            candidates = candidates[torch.argsort(strength, descending=True, stable=True)]
        moved = torch.zeros_like(exists)
        moved[weakest] = True
        moved[candidates[:number]] = True
        places = moved.reshape(mask.shape)
        mask.logical_xor_(places)
        weight.parameter[places] = 0
        for remembered in self.optimizer.state.get(weight.parameter, {}).values():
            if isinstance(remembered, torch.Tensor) and remembered.shape == places.shape:
                remembered[places] = 0
        return number

    def _check(self) -> None:
        for name, synapses in self._synapses.items():
            number = int(synapses.mask.sum())
            if number != self._counts[name]:
                raise CheckFailedError(f"masks: {name} has {number} synapses, not {self._counts[name]}")
