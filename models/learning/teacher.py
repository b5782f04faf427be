"""Networks that teach: trained from the options of the student, asked batch by batch."""

from dataclasses import replace

import torch

from spikewright.errors import ConfigError
from spikewright.models.data import Dataset
from spikewright.models.learning.build import build_network, input_port
from spikewright.models.learning.distillation import virtual_teacher
from spikewright.models.learning.network import SpikingNetwork
from spikewright.models.learning.objective import Labels, scores
from spikewright.models.learning.options import TrainOptions
from spikewright.models.learning.parts_options import TeacherOptions
from spikewright.models.learning.samples import Batch, Samples
from spikewright.models.learning.teaching import AttentionLoss, DistillationLoss, FeatureLoss, Maps
from spikewright.models.learning.trainer import Progress, Trainer, pick_device

__all__ = ["Distilled", "Teacher", "teacher_options", "train_teacher"]


class Teacher:
    """A network that is not trained any more.

    Parameters
    ----------
    network
        Analog (:class:`.layer.Rectifiers`) or spiking, of the student's input.
    analog
        Whether it sees what comes in on average, once.
    """

    def __init__(self, network: SpikingNetwork, *, analog: bool) -> None:
        self.network = network.eval().requires_grad_(False)
        self.analog = analog

    @torch.no_grad()
    def ask(self, batch: Batch) -> tuple[torch.Tensor, Maps]:
        """Logits ``(batch, classes)``, and by layer what it feels: drives where it is analog, else rates."""
        drives: dict[str, torch.Tensor] = {}
        handles = []
        if self.analog:
            for layer in self.network.stack[:-1]:
                handles.append(
                    layer.gate.register_forward_hook(
                        lambda _module, _given, drive, name=layer.name: drives.__setitem__(name, drive)
                    )
                )
        try:
            x, steps = (batch.mean(), 1) if self.analog else (batch.x, batch.steps)
            outputs, spikes = self.network(x, steps)
        finally:
            for handle in handles:
                handle.remove()
        if self.analog:
            felt: Maps = {layer.name: drives[layer.name].flatten(1) for layer in self.network.stack[:-1]}
        else:
            felt = rates(self.network, spikes)
        return scores(self.network, outputs), in_planes(self.network, felt)

    def accuracy(self, options: TrainOptions, held_out: Dataset) -> float:
        """Share of the held-out samples that it classifies right; options are the student's."""
        plain = replace(options, label_noise=0.0, validation=0.0, patience=None)
        device = next(self.network.parameters()).device
        samples = Samples(plain, held_out, self.network.port, torch.Generator(), device)
        right = 0
        for chosen in torch.split(torch.arange(len(held_out)), 250):
            batch = samples.shown(chosen, augmented=False)
            right += int((self.ask(batch)[0].argmax(dim=1) == batch.labels).sum())
        return right / len(held_out)


def rates(network: SpikingNetwork, spikes: list[torch.Tensor]) -> Maps:
    """Spikes a step of every hidden layer, ``(batch, size)``."""
    return {layer.name: fired.mean(dim=1) for layer, fired in zip(network.stack, spikes, strict=False)}


def in_planes(network: SpikingNetwork, maps: Maps) -> Maps:
    """The same, in the plane where a layer has one: ``(batch, channels, height, width)``."""
    planes = {layer.name: layer.plane for layer in network.stack}
    return {name: values.reshape(-1, *(planes[name] or (values.shape[1],))) for name, values in maps.items()}


class Distilled(torch.nn.Module):
    """The labels' loss with what a teacher adds: its answers, its layers' activity, or both.

    Parameters
    ----------
    teacher
        None: the virtual one of the options.
    classes
        How many there are.
    """

    def __init__(
        self, options: TrainOptions, teacher: Teacher | None, classes: int, generator: torch.Generator
    ) -> None:
        super().__init__()
        assert options.teacher is not None
        self.options = options
        self.given: TeacherOptions = options.teacher
        self.teacher = teacher
        self.classes = classes
        self.generator = generator
        self.labels = Labels(options)
        self.loss: DistillationLoss | None = None

    def fit(self, network: SpikingNetwork, batch: Batch) -> None:
        """Make the loss for the layers of both networks; adapters between them are parameters."""
        given = self.given
        layers: AttentionLoss | FeatureLoss | None = None
        if given.feature and self.teacher is not None:
            with torch.no_grad():
                _, spikes = network(batch.x, batch.steps)
            ours = in_planes(network, rates(network, spikes))
            _, theirs = self.teacher.ask(batch)
            number = min(len(ours), len(theirs))  # the last ones: what is nearest to the classes
            if not number:
                raise ConfigError("teacher: feature needs hidden layers, of the student and of the teacher")
            pairs = list(zip(list(ours)[-number:], list(theirs)[-number:], strict=True))
            if given.feature_loss == "attention":
                layers = AttentionLoss(pairs)
            else:
                margin = given.feature_loss == "partial"
                layers = FeatureLoss(pairs, kind="margin" if margin else "mse", generator=self.generator)
            layers.fit(ours, self._felt(theirs))
        self.loss = DistillationLoss(
            alpha=given.response, temperature=given.temperature, layers=layers, beta=given.feature
        ).to(batch.x.device)

    def forward(self, network: SpikingNetwork, batch: Batch) -> torch.Tensor:
        """The loss of a batch."""
        assert self.loss is not None
        outputs, spikes = network(batch.x, batch.steps)
        outputs = network.in_units(outputs)
        logits = scores(network, outputs)
        if network.decode == "potential_last":
            logits = logits / outputs.shape[1]  # an integrator's potential is the sum over the steps
        answers, felt = (None, None) if self.teacher is None else self.teacher.ask(batch)
        targets = None
        if self.teacher is None:
            targets = virtual_teacher(batch.labels, self.classes, self.given.correct, self.given.temperature)
        taught = self.loss(
            logits,
            batch.labels,
            teacher_logits=answers if self.given.response else None,
            targets=targets if self.given.response else None,
            student=in_planes(network, rates(network, spikes)),
            teacher=None if felt is None else self._felt(felt),
        )
        own = (1 - self.given.response) * torch.nn.functional.cross_entropy(logits, batch.labels)
        of_labels = self.labels.of(network, outputs, [], batch.labels)
        # The labels' loss is the training's own, with all of its options; what spikes cost is no part of it.
        loss: torch.Tensor = taught - own + (1 - self.given.response) * of_labels
        return loss + self.labels.price(spikes)

    def _felt(self, maps: Maps) -> Maps:
        """What of the teacher's drives counts: before rectification only where margins are made of them."""
        if self.teacher is None or not self.teacher.analog or self.given.feature_loss == "partial":
            return maps
        return {name: values.relu() for name, values in maps.items()}


def teacher_options(options: TrainOptions) -> TrainOptions:
    """How the teacher of a training is trained."""
    given = options.teacher
    assert given is not None
    analog = given.kind == "ann"
    return replace(
        options,
        layers=options.layers if given.layers is None else given.layers,
        norm=given.norm,
        density=given.density,
        epochs=given.epochs,
        learning_rate=given.learning_rate,
        rate_penalty=0.0 if analog else options.rate_penalty,
        loss="mean" if analog else options.loss,
        real_share=1.0,
        patience=None,
        validation=0.0,
        evolution=None,
        pruning=None,
        teacher=None,
    )


def train_teacher(options: TrainOptions, data: Dataset, progress: Progress | None = None) -> Teacher:
    """Train the teacher that a student's options name, on the data given.

    Where these are the student's own, it is not shown the samples that the student holds out: else its
    answers would tell the student of them. Wrong labels are then the same for both.
    """
    assert options.teacher is not None
    analog = options.teacher.kind == "ann"
    chosen = teacher_options(options)
    generator = torch.Generator().manual_seed(options.seed + 1)
    device = pick_device(options.device)
    port = input_port(chosen, data)
    network = build_network(chosen, port, data.classes, generator, analog=analog).to(device)
    held_out = options.validation if options.teacher.data is None else 0.0
    samples = Samples(replace(chosen, validation=held_out), data, port, generator, device)
    trainer = Trainer(network, samples, chosen, objective=Analog() if analog else None)
    trainer.run(progress)
    return Teacher(network, analog=analog)


class Analog:
    """Cross entropy of a network that sees every sample once, on average."""

    def __call__(self, network: SpikingNetwork, batch: Batch) -> torch.Tensor:
        """The loss of a batch."""
        outputs, _ = network(batch.mean(), 1)
        return torch.nn.functional.cross_entropy(scores(network, outputs), batch.labels)
