"""Render texts of items and users from the templates of the settings."""

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import numpy as np
import polars as pl
from jinja2 import StrictUndefined, Template, TemplateError
from jinja2.sandbox import SandboxedEnvironment

from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions, Queries
from chatrec.errors import SettingsError
from chatrec.extract.schema import ACTIVE, ARRIVED_AT

ITEM_COLUMNS = {"item_id", "title", "groups", "available"}
NO_TEXT = np.void(bytes(16))


def item_texts(items: pl.DataFrame, template: str) -> list[str]:
    """Texts of all items, in order; empty for an item without any text.

    Raises:
        SettingsError: If the template is invalid. Names `text.item`.
    """
    compiled, items = _compile(template, "text.item"), items.drop(ARRIVED_AT, strict=False)
    names = [name for name in items.columns if name not in ITEM_COLUMNS and items.schema[name] == pl.String]
    return [_render(compiled, _item_values(row, names), "text.item") for row in items.iter_rows(named=True)]


def user_texts(
    users: pl.DataFrame,
    chosen: Array,
    titles: Sequence[str],
    histories: Interactions,
    length: int,
    queries: Queries,
    template: str,
) -> list[str]:
    """Texts of some users.

    Args:
        users: All users with their attributes.
        chosen: Rows of the users to render.
        titles: Titles of all items.
        histories: Interactions of the users.
        length: Number of latest titles passed to the template.
        queries: Search queries of the users. Without titles and queries a text is the profile alone.
        template: `text.user` of the settings.

    Raises:
        SettingsError: If the template is invalid. Names `text.user`.
    """
    compiled, users = _compile(template, "text.user"), users.drop(ACTIVE, strict=False)
    latest = histories.latest(chosen, length)
    texts = []
    for user, row, items in zip(chosen, _rows(users, chosen), latest, strict=True):
        values = {name: "" if value is None else value for name, value in row.items()}
        values["attributes"] = {name: value for name, value in row.items() if name != "user_id" and value}
        values["queries"] = queries.of(user)
        values["history"] = [titles[item] for item in items if item >= 0]
        texts.append(_render(compiled, values, "text.user"))
    return texts


def digests(written: Iterable[str]) -> Array:
    """Digests of texts: 16 bytes each, NO_TEXT for an empty text."""
    return np.frombuffer(b"".join(digest(text) if text else NO_TEXT.tobytes() for text in written), NO_TEXT.dtype)


def digest(text: str) -> bytes:
    """Digest of a text, 16 bytes."""
    return hashlib.blake2b(text.encode(), digest_size=NO_TEXT.itemsize).digest()


def _rows(users: pl.DataFrame, chosen: Array, block: int = 100_000) -> Iterator[dict[str, Any]]:
    for start in range(0, len(chosen), block):
        yield from users[chosen[start : start + block]].iter_rows(named=True)


def _item_values(row: dict[str, Any], names: list[str]) -> dict[str, Any]:
    values = {name: "" if value is None else value for name, value in row.items()}
    values["texts"] = {name: row[name] for name in names if row[name]}
    return values


def _compile(template: str, setting: str) -> Template:
    try:
        return SandboxedEnvironment(undefined=StrictUndefined).from_string(template)
    except TemplateError as error:
        raise SettingsError(f"{setting} is not a Jinja template: {error}.") from None


def _render(template: Template, values: dict[str, Any], setting: str) -> str:
    """Render with white space collapsed, so that layout does not change a digest."""
    try:
        return " ".join(template.render(values).split())
    except TemplateError as error:
        raise SettingsError(f"{setting} fails: {error}. It may use {', '.join(sorted(values))}.") from None
