"""Numbers of the published files that are no numbers: NaN, infinities, and absurd sizes."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import parquet

ABSURD = 1e9
"""Size that no score, share or count of a table has."""


def wrong_numbers(folder: Path) -> dict[str, int]:
    """Counts the wrong numbers in all Parquet files of a folder.

    Args:
        folder: Folder of a step.

    Returns:
        Their number by column, such as "popular.score", for columns with any.
    """
    counts: dict[str, int] = {}
    for file in sorted(folder.glob("*.parquet")):
        opened = parquet.ParquetFile(file)
        columns = [name for name in opened.schema_arrow.names if _has_floats(opened.schema_arrow.field(name).type)]
        for batch in opened.iter_batches(columns=columns) if columns else ():
            for name in columns:
                key = f"{file.stem}.{name}"
                counts[key] = counts.get(key, 0) + _wrong(batch.column(name))
    return {name: count for name, count in counts.items() if count}


def _has_floats(kind: pa.DataType) -> bool:
    return bool(pa.types.is_floating(kind.value_type if _is_list(kind) else kind))


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


def _wrong(column: pa.Array) -> int:
    values = column.flatten() if _is_list(column.type) else column
    good = pc.less_equal(pc.abs(values), pa.scalar(ABSURD, values.type))  # false for NaN and infinities
    return pc.sum(pc.invert(good)).as_py() or 0
