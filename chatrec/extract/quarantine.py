"""Quarantine of invalid rows: kept as read, with the reason, and counted. No row is dropped silently."""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa

from chatrec.extract.schema import QUARANTINE_SCHEMA, RowGroups


def decode(values: pl.Series) -> tuple[pl.Series, pl.Series]:
    """Decode bytes to text.

    Returns:
        The texts, and a mask of those that are not UTF-8, in which U+FFFD replaces the invalid bytes.
    """
    try:
        return values.cast(pl.String), pl.Series(values.name, [False]).new_from_index(0, len(values))
    except pl.exceptions.ComputeError:
        texts = [value if value is None else value.decode("utf-8", "replace") for value in values]
        bad = [value is not None and _is_not_utf8(value) for value in values]
        return pl.Series(values.name, texts, pl.String), pl.Series(values.name, bad, pl.Boolean)


def decode_block(block: pa.Table) -> tuple[pl.DataFrame, pl.Series]:
    """Decode columns of bytes; returns the texts and a mask of rows that are not UTF-8."""
    decoded = {name: decode(pl.Series(name, pl.from_arrow(block[name]))) for name in block.column_names}
    bad = pl.DataFrame({name: not_utf8 for name, (_, not_utf8) in decoded.items()})
    texts = pl.DataFrame({name: text for name, (text, _) in decoded.items()})
    return texts, bad.select(pl.any_horizontal(pl.all())).to_series()


def _is_not_utf8(value: bytes) -> bool:
    try:
        value.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


class Quarantine:
    """Writer of the invalid rows of a snapshot."""

    def __init__(self, file: Path) -> None:
        self._file = RowGroups(file, QUARANTINE_SCHEMA)
        self._counts: Counter[tuple[str, str]] = Counter()

    def add(self, relation: str, rows: pl.DataFrame, reasons: pl.Series) -> None:
        """Add rows.

        Args:
            relation: "users", "items", "interactions" or "queries".
            rows: Rows, as text or numbers.
            reasons: The reason of each row, as text.
        """
        if not len(rows):
            return
        self._counts.update((relation, reason) for reason in reasons)
        texts = [json.dumps(_plain(row), ensure_ascii=False) for row in rows.iter_rows(named=True)]
        block = {"relation": [relation] * len(rows), "reason": reasons.to_list(), "row_data": texts}
        self._file.write(pa.table(block, QUARANTINE_SCHEMA))

    def close(self) -> dict[str, int]:
        """Close the file.

        Returns:
            Number of rows by "relation: reason".
        """
        self._file.close()
        return {f"{relation}: {reason}": n for (relation, reason), n in sorted(self._counts.items())}


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """Convert NaN and infinity to text, since JSON has neither."""
    return {
        name: value if not isinstance(value, float) or abs(value) < float("inf") else str(value)
        for name, value in row.items()
    }
