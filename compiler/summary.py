"""What a compiled network comes to, in numbers and in lines for a person."""

from dataclasses import asdict, dataclass

from spikewright.compiler.semantics import Semantics, chosen
from spikewright.compiler.weights import Loss
from spikewright.config import ChipConfig
from spikewright.memories import chip_memories
from spikewright.network import IntegerNetwork
from spikewright.rings import ring_memories, ring_tables

__all__ = ["Summary", "loss_notes", "semantics_notes", "summarise"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """Counts of a compiled network.

    Parameters
    ----------
    synapses, nonzero_synapses
        Pairs of source and target with a weight, and of those with a weight that is not 0.
    stored_weights
        Weights of matrices and kernels: fewer than synapses where neurons share a kernel.
    memory_bits
        Weights, indices and row pointers, as stored; no levels and no states.
    parameter_bits, state_bits
        Memory of per-neuron levels and delays, and of states, rings among them.
    """

    neurons: int
    synapses: int
    nonzero_synapses: int
    stored_weights: int
    weight_bits: int
    memory_bits: int
    parameter_bits: int
    state_bits: int
    cores: int

    def as_dict(self) -> dict[str, int]:
        """The counts by name."""
        return asdict(self)


def semantics_notes(semantics: Semantics) -> tuple[str, ...]:
    """What was taken for the keys that decide a step, and from where."""
    shown = ("dt", "integration", "reset", "reset_when", "compare")
    values = f"dt {semantics.dt:g} s, " + ", ".join(f"{key} {getattr(semantics, key)}" for key in shown[1:])
    origins = sorted({semantics.origins.get(key, "default") for key in shown})
    guessed = [key for key in shown if semantics.origins.get(key, "default") == "default"]
    notes = [f"semantics ({', '.join(origins)}): {values}"]
    if guessed:
        keys = ", ".join(guessed)
        notes.append(f"WARNING: NIR does not say {keys}: defaults are taken; give --semantics or --source")
    for node, spec in semantics.nodes.items():
        apart = ", ".join(f"{key} {value}" for key, value in chosen(spec).items())
        notes.append(f"semantics ({semantics.origins.get('nodes', 'default')}): {node}: {apart or 'as all'}")
    return (*notes, *semantics.notes)


def loss_notes(losses: tuple[Loss, ...]) -> tuple[str, ...]:
    """What quantization cost, in a line for every edge."""
    return tuple(
        f"{loss.node or loss.source}: weights at scale {loss.scale:.6g}: largest error"
        f" {loss.max_abs_error:.3g} ({loss.relative:.2%} of the largest weight), {loss.zeroed} became 0"
        for loss in losses
    )


def summarise(network: IntegerNetwork, chip: ChipConfig) -> Summary:
    """Counts of a network and its chip."""
    bits = {"weights": 0, "parameters": 0, "state": 0}
    tables = [memory for memory, _ in ring_tables(chip).values()]
    for memory in (*chip_memories(chip), *ring_memories(chip), *tables):
        kind = "parameters" if memory.name.endswith((".parameters", ".levels", ".delays")) else "weights"
        bits["state" if memory.state else kind] += memory.depth * memory.width
    return Summary(
        neurons=sum(population.size for population in network.populations),
        synapses=sum(edge.connections for edge in network.edges),
        nonzero_synapses=sum(int(edge.fan_out.sum()) for edge in network.edges),
        stored_weights=sum(edge.weights.size for edge in network.edges),
        weight_bits=network.weight_bits,
        memory_bits=bits["weights"],
        parameter_bits=bits["parameters"],
        state_bits=bits["state"],
        cores=len(chip.cores),
    )
