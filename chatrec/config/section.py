"""Base class of the sections of the settings."""

from typing import Any

from pydantic import BaseModel, ConfigDict, field_validator

SECRET: dict[str, Any] = {"secret": True}
"""Marks a field whose value is never shown."""
LARGEST = 2**31 - 1
"""Largest integer of a setting."""


def _is_text(value: str) -> bool:
    try:
        return b"\0" not in value.encode()
    except UnicodeEncodeError:  # a byte of the environment that is not UTF-8
        return False


class Section(BaseModel):
    """A table of `chatrec.toml`. Unknown keys are errors, and values never appear in error messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, allow_inf_nan=False)

    @field_validator("*")
    @classmethod
    def _usable(cls, value: Any) -> Any:
        """Refuses numbers that libraries cannot count to, and texts that PostgreSQL cannot hold."""
        for part in value if isinstance(value, tuple) else (value,):
            if isinstance(part, int) and abs(part) > LARGEST:
                raise ValueError(f"must be at most {LARGEST}")
            if isinstance(part, str) and not _is_text(part):
                raise ValueError("must be text in UTF-8 without NUL characters")
        return value
