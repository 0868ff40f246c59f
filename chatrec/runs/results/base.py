"""Base class of step results, and their form as JSON."""

from dataclasses import asdict, dataclass
from typing import Any, TypeVar

from pydantic import TypeAdapter, ValidationError

R = TypeVar("R", bound="StepResult")
_ADAPTERS: dict[type, TypeAdapter[Any]] = {}
"""Adapters of the classes that were loaded, since making one takes a millisecond."""


@dataclass(frozen=True, kw_only=True)
class StepResult:
    """Result of a step: its counts and measurements. Fields that do not apply are None and left out of the JSON."""

    reused_from: str | None = None
    """Key of the run whose files were reused, because nothing changed since; None if the step was performed."""

    def to_dict(self) -> dict[str, Any]:
        """Convert to JSON values, with the names of the fields as keys."""
        values: dict[str, Any] = _without_none(asdict(self))
        return values


def load(kind: type[R] | None, values: Any) -> R | None:
    """Convert back from the result of `to_dict`.

    Args:
        kind: Class of the result; None if it is not known.
        values: JSON values.

    Returns:
        The result, or None if the values do not fit, because another version of chatrec wrote them.
    """
    if kind is None:
        return None
    try:
        result: R = _adapter(kind).validate_python(values)
    except ValidationError:
        return None
    return result


def _adapter(kind: type[R]) -> TypeAdapter[R]:
    return _ADAPTERS.setdefault(kind, _ADAPTERS.get(kind) or TypeAdapter(kind))


def _without_none(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _without_none(part) for key, part in value.items() if part is not None}
    return value
