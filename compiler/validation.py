"""Pydantic's findings as one line of ours: the key, what must hold, what stands there."""

import math
import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Annotated, Any, NoReturn

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from spikewright.compiler.yaml_text import one_line
from spikewright.errors import ConfigError

__all__ = ["STRICT", "Number", "PositiveNumber", "refuse", "shown"]

STRICT = ConfigDict(extra="forbid", strict=True, frozen=True)

FLOAT_TEXT = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)[eE][+-]?\d+")


def float_from_text(value: Any) -> Any:
    """``1e-4`` is a number to everyone but YAML 1.1, which wants ``1.0e-4`` and else gives a string."""
    if isinstance(value, str) and FLOAT_TEXT.fullmatch(value):
        return float(value)
    return value


Number = Annotated[float, BeforeValidator(float_from_text), Field(allow_inf_nan=False)]
PositiveNumber = Annotated[float, BeforeValidator(float_from_text), Field(gt=0, allow_inf_nan=False)]

MUST = {
    "extra_forbidden": "is not a key; keys are {keys}",
    "unexpected_keyword_argument": "is not a key{named}",
    "missing": "is missing",
    "float_type": "must be a number",
    "int_type": "must be an integer",
    "bool_type": "must be true or false",
    "string_type": "must be text",
    "list_type": "must be a list",
    "tuple_type": "must be a list",
    "dict_type": "must be a mapping",
    "model_type": "must be a mapping",
    "dataclass_type": "must be a mapping",
    "literal_error": "must be {expected}",
    "finite_number": "must be finite",
    "greater_than": "must be above {gt}",
    "greater_than_equal": "must be at least {ge}",
    "less_than": "must be below {lt}",
    "less_than_equal": "must be at most {le}",
    "too_short": "must have at least {min_length} items",
    "too_long": "must have at most {max_length} items",
}
BRANCH = re.compile(
    r"constrained-int|dict\[.*\]|DenseRows|CompressedRows|KernelRows|SpiketrumConfig|FilterBankConfig"
)
SILENT = {"extra_forbidden", "missing", "unexpected_keyword_argument"}
"""Findings for which the value that stands there says nothing."""


def refuse(
    error: ValidationError,
    place: str,
    keys: tuple[str, ...] = (),
    skip: Callable[[tuple[int | str, ...]], bool] = lambda _: False,
    within: Mapping[str, tuple[str, ...]] = MappingProxyType({}),
) -> NoReturn:
    """Raise the first finding as a :class:`ConfigError`; of a union's branches, that which went deepest.

    Parameters
    ----------
    keys
        What to name where a key is not one.
    skip
        Of which locations findings say nothing.
    within
        The same as ``keys`` for mappings that stand within those of a key.
    """
    findings = [finding for finding in error.errors(include_url=False) if not skip(finding["loc"])]
    same = [finding for finding in findings if finding["loc"][:1] == findings[0]["loc"][:1]]
    finding = max(same, key=lambda finding: len(path(finding["loc"])))
    key = ".".join(path(finding["loc"]))
    keys = within.get(str(finding["loc"][0]), keys) if len(finding["loc"]) > 1 else keys
    context = finding.get("ctx", {})
    inner = context.get("error")
    if isinstance(inner, ConfigError):
        raise ConfigError(f"{place}: {key}: {inner}" if key else f"{place}: {inner}") from None
    must = MUST.get(finding["type"], one_line(finding["msg"])).format(
        keys=", ".join(keys), named=f"; keys are {', '.join(keys)}" if keys else "", **context)
    stands = "" if finding["type"] in SILENT else f", not {shown(finding['input'])}"
    raise ConfigError(f"{place}: {key + ': ' if key else ''}{must}{stands}") from None


def path(location: tuple[int | str, ...]) -> list[str]:
    """The keys of a location, without the names that Pydantic gives to branches of unions."""
    return [str(part) for part in location if not BRANCH.fullmatch(str(part))]


def shown(value: object) -> str:
    """A value as it stands in a file, shortened."""
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return one_line(repr(value), limit=60)
