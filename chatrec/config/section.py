"""Base class of the sections of the settings."""

from typing import Any

from pydantic import BaseModel, ConfigDict

SECRET: dict[str, Any] = {"secret": True}
"""Marks a field whose value is never shown."""


class Section(BaseModel):
    """A table of `chatrec.toml`. Unknown keys are errors, and values never appear in error messages."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)
