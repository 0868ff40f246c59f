"""The commented `chatrec.toml` that `chatrec init` writes, made from the settings' own docstrings."""

import textwrap
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from chatrec.settings.model import Sections

HEAD = """\
# chatrec's settings. Every key is shown with its default; take away the # to change one.
# An environment variable CHATREC_<SECTION>__<KEY> wins over this file: keep passwords there.
"""
ACTIVE = {"database": {"url"}, "source": {"users", "items", "interactions"}}


def template(url: str = "") -> str:
    """The text of a fresh `chatrec.toml`.

    Args:
        url: the database to name in it; empty for the embedded one.
    """
    parts = [HEAD]
    for name, field in Sections.model_fields.items():
        parts += _section(name, field.default, {"url": url} if name == "database" else {})
    return "\n".join(parts)


def _section(path: str, section: BaseModel, values: dict[str, Any]) -> list[str]:
    lines = ["", *_comment(type(section).__doc__ or ""), f"[{path}]"]
    nested: list[str] = []
    for name, field in type(section).model_fields.items():
        value = values.get(name, getattr(section, name))
        if isinstance(value, BaseModel):
            nested += _section(f"{path}.{name}", value, {})
            continue
        mark = "" if name in ACTIVE.get(path, ()) else "# "
        lines += [*_comment(field.description or ""), *(mark + line for line in _entry(name, value))]
    return lines + nested


def _entry(name: str, value: Any) -> list[str]:
    if isinstance(value, bool):
        return [f"{name} = {str(value).lower()}"]
    if isinstance(value, (int, float)):
        return [f"{name} = {value}"]
    if isinstance(value, tuple):
        return [f"{name} = {list(value)}"]
    text = str(value) if isinstance(value, Path) else value
    if "\n" in text:
        return [f"{name} = '''", *text.strip().splitlines(), "'''"]
    return [f"{name} = '{text}'" if '"' in text or "\\" in text else f'{name} = "{text}"']


def _comment(text: str) -> list[str]:
    words = " ".join(line.strip() for line in text.strip().splitlines() if line.strip())
    return [f"# {line}" for line in textwrap.wrap(words, 100)]
