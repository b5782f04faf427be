"""The parts that a training's options ask for, made for its trainer."""

import math
from collections.abc import Sequence

import torch

from spikewright.models.learning.channels import ChannelPruner
from spikewright.models.learning.gates import ChannelGroup
from spikewright.models.learning.masks import EvolvingMask
from spikewright.models.learning.part import Part
from spikewright.models.learning.trainer import Trainer

__all__ = ["parts_of"]


def parts_of(trainer: Trainer) -> Sequence[Part]:
    """Masks that evolve, channels that are pruned."""
    options = trainer.options
    parts: list[Part] = []
    if options.evolution is not None:
        given = options.evolution
        updates = options.epochs * trainer.updates_an_epoch
        # On integers masks stay: a synapse that moved would begin among others that are rounded already.
        last = min(int(given.until * updates), trainer.integers_from * trainer.updates_an_epoch)
        moves = given.grow != "none" and last > 0
        parts.append(
            EvolvingMask(
                trainer.network,
                trainer.optimizer,
                density=options.density,
                generator=torch.Generator().manual_seed(options.seed),
                initial=given.initial,
                prune="magnitude" if moves else "none",
                grow=given.grow if moves else "none",
                period=given.period,
                fraction=given.fraction,
                schedule=given.schedule,
                last_update=last or None,
            )
        )
    if options.pruning is not None:
        wanted = options.pruning
        epochs = min(math.ceil(wanted.until * options.epochs), max(1, trainer.integers_from))
        parts.append(
            ChannelPruner(
                [
                    ChannelGroup(
                        name=layer.name,
                        module=layer.gate,
                        neurons=layer.neurons,
                        neuron_axis=-1,
                        channels=len(layer.synapses.weight),
                    )
                    for layer in trainer.network.stack[:-1]
                ],
                keep=wanted.keep,
                regrow=wanted.regrow,
                ranking=wanted.ranking,
                last_epoch=epochs - 1,
                schedule=wanted.schedule,
                scope=wanted.scope,
                fade=wanted.fade,
                minimum=wanted.minimum,
                generator=torch.Generator().manual_seed(options.seed),
            )
        )
    return parts
