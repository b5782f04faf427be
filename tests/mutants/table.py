"""All mutants."""

from tests.mutants import chips, events, lanes, words
from tests.mutants.mutant import Mutant

__all__ = ["MUTANTS"]

MUTANTS: tuple[Mutant, ...] = (*lanes.MUTANTS, *events.MUTANTS, *words.MUTANTS, *chips.MUTANTS)
