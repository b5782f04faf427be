"""Liberty libraries of the tests: a tiny one made by hand, and real ones where they lie on this machine."""

import os
from pathlib import Path

import pytest

__all__ = ["REAL", "TINY", "real_library"]

TINY = Path(__file__).with_name("tiny.lib")

REAL = ("sky130_fd_sc_hd_tt_1p80V_25C.lib.gz", "sg13g2_stdcell_typ_1p20V_25C.lib.gz")


def real_library(name: str) -> Path:
    """A library in the folder SPIKEWRIGHT_LIBERTY, or beside the data sets; else the test is skipped."""
    folder = os.environ.get("SPIKEWRIGHT_LIBERTY")
    data = os.environ.get("SPIKEWRIGHT_DATA")
    if folder is None and data is not None:
        folder = str(Path(data).parent / "liberty")
    path = Path(folder or "", name)
    if folder is None or not path.is_file():
        pytest.skip(f"needs the library {name}: set SPIKEWRIGHT_LIBERTY to its folder")
    return path
