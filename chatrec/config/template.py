"""The commented `chatrec.toml` that `chatrec init` writes, made from the settings' own docstrings."""

import ast
import inspect
import textwrap
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from chatrec.config.settings import Sections

HEAD = """\
# Settings of chatrec. Every key is shown with its default; uncomment a line to change it.
# An environment variable CHATREC_<SECTION>__<KEY> overrides this file: keep passwords there.
"""
EXAMPLES = {
    "users": "SELECT id AS user_id, country, plan FROM app.customers",
    "items": """
SELECT sku AS item_id, name AS title, description, categories AS groups, stock > 0 AS available, changed AS updated_at
FROM app.products""",
    "interactions": """
SELECT customer_id AS user_id, sku AS item_id, 'order' AS event, ordered_at AS occurred_at
FROM app.orders""",
}
"""Example statements in a fresh file. They are not defaults."""
ACTIVE = {"database": {"url"}, "source": {"users", "items", "interactions"}}


def template(url: str = "") -> str:
    """Returns the text of a fresh `chatrec.toml`.

    Args:
        url: Database URL to write into it. Empty for the embedded database.
    """
    parts = [HEAD]
    for name, field in Sections.model_fields.items():
        parts += _section(name, field.default, {"database": {"url": url}, "source": EXAMPLES}.get(name, {}))
    return "\n".join(parts)


def descriptions(section: type[BaseModel]) -> dict[str, str]:
    """Returns the docstring under each field of a section, by field name.

    pydantic's `use_attribute_docstrings` would parse the source of all sections at the start of every command.
    """
    (definition,) = ast.parse(textwrap.dedent(inspect.getsource(section))).body
    assert isinstance(definition, ast.ClassDef)
    return {
        field.target.id: inspect.cleandoc(text.value.value)
        for field, text in pairwise(definition.body)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _section(path: str, section: BaseModel, values: dict[str, Any]) -> list[str]:
    lines = ["", *_comment(type(section).__doc__ or ""), f"[{path}]"]
    nested: list[str] = []
    comments = descriptions(type(section))
    for name in type(section).model_fields:
        value = values.get(name, getattr(section, name))
        if isinstance(value, BaseModel):
            nested += _section(f"{path}.{name}", value, {})
            continue
        mark = "" if name in ACTIVE.get(path, ()) else "# "
        lines += [*_comment(comments.get(name, "")), *(mark + line for line in _entry(name, value))]
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
    paragraph = " ".join(line.strip() for line in text.strip().splitlines() if line.strip())
    return [f"# {line}" for line in textwrap.wrap(paragraph, 100)]
