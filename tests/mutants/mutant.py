"""What a mutant is."""

from dataclasses import dataclass

__all__ = ["Mutant"]


@dataclass(frozen=True, slots=True)
class Mutant:
    """One change of the RTL's text that must not go unnoticed.

    Parameters
    ----------
    name
        Short, unique.
    file
        Where, from the root of the repository.
    breaks
        What the hardware does then.
    old, new
        The text that must stand there once, and what it becomes.
    test
        The test that must fail, as pytest names it, from the folder ``tests`` on.
    """

    name: str
    file: str
    breaks: str
    old: str
    new: str
    test: str
