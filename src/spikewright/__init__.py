"""Spikewright: trained spiking networks to hardware that provably does the same."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from spikewright.api import Build, compile

__all__ = ["Build", "__version__", "compile"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    """Import the flow only when it is used: ``import spikewright`` alone loads neither torch nor Amaranth."""
    if name in ("Build", "compile"):
        from spikewright import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
