"""When items arrived: by their own time, or by the first run that saw them."""

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Self

import polars as pl
from psycopg2 import sql
from pyarrow import parquet

from chatrec.data.interactions import SECOND
from chatrec.extract.schema import ARRIVED_AT, ITEMS
from chatrec.runs.run import KEY_FORMAT, Run, runs_under


@dataclass(frozen=True)
class SeenItems:
    """Items that earlier runs have seen. Without arguments there was no earlier run."""

    known: pl.DataFrame | None = None
    """item_id and ARRIVED_AT of the newest earlier run; None if there is none."""
    time: int = 0
    """Time of the run, microseconds since 1970. A repeated extraction has the same, unlike the time of a snapshot."""

    @classmethod
    def before(cls, run: Run) -> Self:
        """Read the items of the newest earlier run under the same artifact root."""
        time = datetime.strptime(run.key, KEY_FORMAT).replace(tzinfo=UTC)
        return cls(_known(run), int(time.timestamp()) * SECOND)

    def of(self, items: pl.DataFrame) -> pl.Series:
        """Arrival of items, microseconds since 1970; null for those that were there from the start.

        Args:
            items: item_id, and `created_at` as text of microseconds since 1970 if it is mapped.
        """
        created = pl.col("created_at").cast(pl.Int64) if "created_at" in items.columns else pl.lit(None, pl.Int64)
        if self.known is None or self.known.schema["item_id"] != items.schema["item_id"]:
            return items.with_columns(created.alias(ARRIVED_AT))[ARRIVED_AT]
        seen = items.join(self.known.with_columns(seen=True), on="item_id", how="left", maintain_order="left")
        first = pl.when(pl.col("seen").is_null()).then(pl.lit(self.time)).otherwise(pl.col(ARRIVED_AT))
        return seen.select(pl.coalesce(created, first).alias(ARRIVED_AT)).to_series()


def created_column() -> sql.Composable:
    """SQL expression of `created_at`, microseconds since 1970; null before 1970, in the future and for infinity."""
    return sql.SQL(
        "CASE WHEN created_at >= 'epoch' AND created_at <= now() "
        "THEN (extract(epoch FROM created_at::timestamptz) * 1000000)::bigint END"
    )


def _known(run: Run) -> pl.DataFrame | None:
    for earlier in reversed(runs_under(run.root)):
        file = earlier.step_folder("extract") / ITEMS
        if earlier.key >= run.key or earlier.intact("extract") is None or not file.exists():
            continue
        columns = parquet.read_schema(file).names
        known = pl.read_parquet(file, columns=[name for name in ("item_id", ARRIVED_AT) if name in columns])
        if known.height:
            return known if ARRIVED_AT in columns else known.with_columns(pl.lit(None, pl.Int64).alias(ARRIVED_AT))
    return None
