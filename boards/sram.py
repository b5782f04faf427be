"""SRAM macros between and beyond the published ones: area, energies, leakage, delay.

Each figure is a power law in words and word bits, the least squares of its logarithm through all macros of
the technology; area and leakage also have a factor for the second port, which the energies of an access do
not need. A memory of fewer words than the smallest macro counts as having as many: compilers make no
shallower ones. At another supply than the macros' own energies go with its square; area, leakage and delay
stay as they are.
"""

from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from spikewright.boards.technology import Technology
from spikewright.boards.technology_rows import Sram

__all__ = ["MacroModel", "macro_model"]

FIGURES = {"area_um2": True, "read_pj": False, "write_pj": False, "leakage_nw": True, "access_ns": False}
"""Figures of a macro, and whether a second port changes them."""


@dataclass(frozen=True, slots=True)
class MacroModel:
    """Laws through the macros of a technology.

    Parameters
    ----------
    laws
        By figure: constant and exponents of word bits and words, and of 2 for two ports.
    worst
        By figure, the largest ratio of law to macro, or of macro to law, of all macros.
    words
        Of the shallowest macro.
    volts
        Supply of the macros.
    setup_ns
        The longest of all macros' inputs.
    """

    laws: dict[str, tuple[float, ...]]
    worst: dict[str, float]
    words: int
    volts: float
    setup_ns: float

    def figure(self, name: str, *, depth: int, width: int, ports: int = 1, volts: float | None = None
               ) -> float:
        """One figure of a macro of ``depth`` words of ``width`` bits."""
        constant, of_bits, of_words, of_ports = self.laws[name]
        words = max(depth, self.words)
        value = float(np.exp(constant) * width**of_bits * words**of_words * ports**of_ports)
        if name.endswith("_pj") and volts is not None:
            value *= (volts / self.volts) ** 2
        return value


def macro_model(technology: Technology) -> MacroModel:
    """The laws of a technology that has macros."""
    assert technology.srams is not None, "asked of technologies with macros only"
    return fitted(tuple(technology.srams), technology.supply.volts)


@lru_cache(maxsize=8)
def fitted(rows: tuple[Sram, ...], volts: float) -> MacroModel:
    """Least squares of the logarithms."""
    bits = np.log([row.word_bits for row in rows])
    words = np.log([row.words for row in rows])
    ports = np.log([row.ports for row in rows])
    laws, worst = {}, {}
    for name, by_ports in FIGURES.items():
        columns = np.stack([np.ones(len(rows)), bits, words, ports * by_ports], axis=1)
        known = np.log([getattr(row, name) for row in rows])
        law = np.linalg.lstsq(columns, known, rcond=None)[0]
        laws[name] = tuple(law.tolist())
        worst[name] = float(np.exp(np.abs(columns @ law - known).max()))
    return MacroModel(laws=laws, worst=worst, words=min(row.words for row in rows), volts=volts,
                      setup_ns=max(row.setup_ns for row in rows))
