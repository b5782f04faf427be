"""What can go wrong by a user's doing, as one-line errors that the command line prints as they are."""

__all__ = ["CheckFailedError", "ConfigError", "SpikewrightError", "ToolError"]


class SpikewrightError(Exception):
    """Base of every error that Spikewright raises on purpose."""


class ConfigError(SpikewrightError, ValueError):
    """The input is wrong: the message names the place, what came and what must hold."""


class ToolError(SpikewrightError, RuntimeError):
    """A tool that a command needs is missing or failed."""


class CheckFailedError(SpikewrightError):
    """The command ran and what it checked does not hold: a mismatch, a clock missed."""
