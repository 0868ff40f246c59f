"""Checks of the environment variables, whose errors pydantic-settings does not name."""

import difflib
import json
import os
from collections.abc import Sequence
from typing import Any, get_args, get_origin

from pydantic import BaseModel

from chatrec.config.settings import Sections
from chatrec.errors import SettingsError

PREFIX = "CHATREC_"


def refuse_wrong_variables() -> None:
    """Check the names and forms of all variables.

    Raises:
        SettingsError: If a variable names no section, or its value must be JSON and is not.
    """
    for name, value in sorted(os.environ.items()):
        if name.startswith(PREFIX) and "__" in name:
            _refuse_unknown_section(name)
        if name.upper().startswith(PREFIX):
            _refuse_unreadable(name, value)


def _refuse_unknown_section(name: str) -> None:
    sections, section = list(Sections.model_fields), name.removeprefix(PREFIX).split("__")[0].lower()
    if section not in sections:
        raise SettingsError(
            f"The environment variable {name} names no section of the settings{nearest(section, sections)}. "
            f"Sections: {', '.join(sections)}."
        )


def _refuse_unreadable(name: str, value: str) -> None:
    example = _example(_annotation(name.upper().removeprefix(PREFIX).lower().split("__")), name)
    if example and not _is_json(value):
        raise SettingsError(f"{name}: write {example}.")


def _annotation(keys: Sequence[str]) -> Any:
    """Type of a section or a key; None if there is none."""
    kind: Any = Sections
    for key in keys:
        fields = kind.model_fields if isinstance(kind, type) and issubclass(kind, BaseModel) else {}
        if key not in fields:
            return None
        kind = fields[key].annotation
    return kind


def _example(kind: Any, name: str) -> str:
    """Remedy for a list or a table; empty for other types."""
    if get_origin(kind) is tuple:
        return "a JSON list, such as " + ('["age"]' if get_args(kind)[0] is str else '[{"name": "first"}]')
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        first = next(iter(kind.model_fields))
        return f"a variable for each key, such as {name}__{first.upper()}, or a JSON object"
    return ""


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def nearest(name: str, names: list[str]) -> str:
    """Hint at the most similar of some names; empty if there is none."""
    near = difflib.get_close_matches(name, names, n=1)
    return f" (did you mean {near[0]}?)" if near else ""
