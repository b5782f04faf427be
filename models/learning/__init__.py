"""Training: one trainer, the parts that methods are made of, and a file a method.

What a network of one's own is trained with stands here by name; docs/training.md shows each at work.
"""

from spikewright.models.learning.analog import analog_network, spiking_like
from spikewright.models.learning.channels import ChannelPruner
from spikewright.models.learning.conversion import convert_weights
from spikewright.models.learning.features import Features
from spikewright.models.learning.gates import ChannelGroup
from spikewright.models.learning.masks import EvolvingMask
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.pruning import prune_by_magnitude
from spikewright.models.learning.removal import remove_channels, sequential_groups
from spikewright.models.learning.teaching import AttentionLoss, DistillationLoss, FeatureLoss
from spikewright.models.learning.training import options_of, train

__all__ = [
    "AttentionLoss",
    "ChannelGroup",
    "ChannelPruner",
    "DistillationLoss",
    "EvolvingMask",
    "FeatureLoss",
    "Features",
    "TrainOptions",
    "analog_network",
    "convert_weights",
    "options_of",
    "prune_by_magnitude",
    "remove_channels",
    "sequential_groups",
    "spiking_like",
    "train",
]
