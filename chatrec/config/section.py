"""Base class of the sections of the settings."""

from typing import Any

from pydantic import BaseModel, ConfigDict

SECRET: dict[str, Any] = {"secret": True}
"""Marks a field whose value is never shown."""


class Section(BaseModel):
    """A table of `chatrec.toml`. Unknown keys are errors, and values never appear in error messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def refuse_other_databases(url: str) -> str:
    """Validates a connection URL, which may be empty."""
    if url and not url.startswith(("postgresql://", "postgresql+psycopg2://", "postgres://")):
        raise ValueError("must start with postgresql://")
    return url
