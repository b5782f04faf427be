"""All mutants."""

from tests.mutants import chips, events, lanes, planes, pursuit, sound, words
from tests.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

MUTANTS: tuple[Mutant, ...] = (
    *lanes.MUTANTS, *events.MUTANTS, *planes.MUTANTS, *words.MUTANTS, *chips.MUTANTS,
    *sound.MUTANTS, *pursuit.MUTANTS,
)  # fmt: skip
