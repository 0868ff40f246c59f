"""Validation of rows: the first broken rule is the reason. Ids of events and queries become row numbers."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from chatrec.data.interactions import SECOND
from chatrec.db.encodings import Repertoire

CLOCKS_MAY_DIFFER_MICROSECONDS = 5 * 60 * SECOND
LONGEST_KEY = 1_000
"""Maximum length of a key of a published table in bytes. PostgreSQL's index row has 2,704, and one holds two ids."""


@dataclass(frozen=True)
class Keys:
    """Texts that become keys of the published tables, and the characters that these can hold. Ids always are keys."""

    users: tuple[str, ...] = ()
    """Attributes of users."""
    items: tuple[str, ...] = ()
    """Columns of items."""
    repertoire: Repertoire | None = None
    """None if the tables hold all characters."""

    def rules(self, *columns: str) -> dict[str, pl.Expr]:
        """Rules about columns of text: expressions that are true for invalid rows, by reason."""
        made: dict[str, pl.Expr] = {}
        for column in columns:
            made |= {too_long(column): pl.col(column).str.len_bytes() > LONGEST_KEY}
            made |= self.unfit(column, pl.col(column))
        return made

    def unfit(self, name: str, text: pl.Expr) -> dict[str, pl.Expr]:
        """Rule about the characters of a text."""
        if self.repertoire is None:
            return {}
        broken = text.map_batches(self.repertoire.misfits, return_dtype=pl.Boolean)
        return {f"{name} cannot be written in {self.repertoire.encoding}": broken}


NO_KEYS = Keys()


def too_long(name: str) -> str:
    """Reason of a row whose key is too long."""
    return f"{name} is longer than {LONGEST_KEY:,} bytes"


def dense(ids: pl.Series, id_name: str, name: str) -> pl.DataFrame:
    """Frame of ids and their row numbers, to join on."""
    return pl.DataFrame({id_name: ids, name: pl.arange(len(ids), dtype=pl.Int32, eager=True)})


def until(now: int) -> int:
    """Latest accepted time, microseconds since 1970; tolerates clocks that differ."""
    return now + CLOCKS_MAY_DIFFER_MICROSECONDS


def wrong_times(now: int) -> dict[str, pl.Expr]:
    """Rules about times: expressions that are true for invalid rows, by reason."""
    return {
        "occurred_at is null or infinite": pl.col("occurred_at").is_null(),
        "occurred_at is in the future": pl.col("occurred_at") > until(now),
    }


def first_broken(rules: Mapping[str, pl.Expr]) -> pl.Expr:
    """Reason of the first broken rule; null for a valid row."""
    return pl.coalesce(*(pl.when(broken).then(pl.lit(reason)) for reason, broken in rules.items()))
