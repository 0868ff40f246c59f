"""Groups that are given as the text of an array, and are therefore read as one group."""

import polars as pl

from chatrec.extract.mapping import TEXTS, SourceQuery

ARRAY_TEXT = r'^\[\s*\]$|^\[\s*"|"\s*\]$|^\{.*\}$'
"""A JSON array or an array of PostgreSQL, whole or split at its commas."""


def array_sentence(items: SourceQuery, groups: pl.Series) -> str | None:
    """Say that groups are texts of arrays; None if they are not.

    Args:
        items: The SELECT of items.
        groups: Lists of groups, as split.
    """
    if items.types.get("groups") not in TEXTS:
        return None
    names = groups.explode().drop_nulls()
    looking = names.filter(names.str.contains(ARRAY_TEXT))
    if looking.is_empty():
        return None
    return (
        f"source.items gives the group {looking.sort()[0]!r}, which looks like an array in a text: give an array, such "
        "as ARRAY(SELECT jsonb_array_elements_text(groups::jsonb)) AS groups, or a text with source.groups_separator."
    )
