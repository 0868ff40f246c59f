"""Ids of events that no user or item has: whether case or blanks alone set them apart, or none match at all."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from chatrec.db import sql_files
from chatrec.extract.mapping import SourceMapping, id_column, is_integer

NEARLY_ALL = 0.9
"""Share of events of unknown ids from which the ids of two SELECTs are said not to match."""


@dataclass
class UnknownIds:
    """Unknown ids of events, collected in blocks."""

    name: str
    """user_id or item_id."""
    known: pl.Series
    """Ids of users or items."""
    events: int = 0
    unknown: int = 0
    """Events of unknown ids."""
    alike: int = 0
    """Events of unknown ids that differ from a known one in case or blanks only."""
    examples: list[tuple[Any, Any]] = field(default_factory=list)
    """Pairs of an unknown id and a known one, the alike ones first."""

    def add(self, ids: pl.Series, unknown: pl.Series) -> None:
        """Count the events of a block.

        Args:
            ids: Ids of events.
            unknown: Mask of those that are unknown.
        """
        self.events += len(ids)
        wrong = ids.filter(unknown)
        if wrong.is_empty():
            return
        self.unknown += len(wrong)
        if not self.known.is_empty():
            self.examples.append((wrong[0], self.known[0]))
        if self.known.dtype == pl.String:
            ids_by_key = pl.DataFrame({"key": _key(wrong), "id": wrong})
            known = pl.DataFrame({"key": _key(self.known), "known": self.known})
            known = known.join(ids_by_key, on="key", how="semi").sort("known").unique("key", keep="first")
            pairs = ids_by_key.join(known, on="key").sort("id")
            self.alike += pairs.height
            self.examples[:0] = list(pairs.select("id", "known").head(1).iter_rows())

    def sentence(self) -> str | None:
        """Say that ids do not match, with an example of both SELECTs; None if they do."""
        return sentence(self.name, self.events, self.unknown, self.alike, self.examples[0] if self.examples else ())


def sentence(name: str, events: int, unknown: int, alike: int, example: Sequence[Any]) -> str | None:
    """Say that ids do not match; see `UnknownIds`."""
    owner = name.removesuffix("_id")
    if not example or not (alike or unknown >= NEARLY_ALL * events):
        return None
    both = f"{example[0]!r} in source.interactions and {example[1]!r} in source.{owner}s"
    if alike:
        return (
            f"{alike:,} of {events:,} events are of an unknown {owner} because ids differ in case or blanks, such as "
            f"{both}: write lower(trim(...)) AS {name} in both SELECTs."
        )
    return f"{unknown:,} of {events:,} events are of an unknown {owner}: the ids do not match, such as {both}."


def _key(ids: pl.Series) -> pl.Series:
    return ids.str.strip_chars().str.to_lowercase()


def read_unknown_ids(cursor: Any, mapping: SourceMapping) -> list[str]:
    """Say which ids do not match, before a run.

    Args:
        cursor: psycopg2 cursor in a read-only transaction.
        mapping: SELECTs whose values can be cast.
    """
    sentences = []
    plain = cursor.connection.get_parameter_status("server_encoding") == "SQL_ASCII"  # which may hold any bytes
    for name, owner in (("user_id", mapping.users), ("item_id", mapping.items)):
        kind = owner.types[name]
        ids = id_column(name, kind).as_string(cursor)
        variables = {
            "id": ids,
            "key": ids if is_integer(kind) else f"lower(btrim({ids}, E' \\t\\n\\r'))",
            "encoding": "SQL_ASCII" if plain else "UTF8",
            "owner": owner.select,
            "interactions": mapping.interactions.select,
        }
        cursor.execute(sql_files.read("queries/unknown_ids.sql", variables))
        events, unknown, alike, *example = cursor.fetchone()
        texts = [bytes(value).decode("utf-8", "replace") for value in example if value is not None]
        pair = (int(texts[0]), int(texts[1])) if is_integer(kind) and texts else texts
        sentences.append(sentence(name, events, unknown, alike, pair))
    return [text for text in sentences if text]
