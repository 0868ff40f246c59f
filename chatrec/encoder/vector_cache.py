"""Cache of raw vectors by the digest of their text, in Parquet: each encoder encodes a text once.

Each encoder has a folder of its own.
"""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

from chatrec.data.arrays import Array
from chatrec.encoder.registry import VECTORS
from chatrec.encoder.texts import NO_TEXT
from chatrec.runs.sealed import is_intact, sealed, sealing, unsealed
from chatrec.runtime.prefetch import background_writer
from chatrec.runtime.progress import Progress, progress

TEXTS_OF_A_PART = 5_000
"""Texts of a file. A killed run repeats at most twice as many, on a GPU five times."""


@dataclass(frozen=True)
class Positions:
    """Positions of the vectors of some rows in the cache."""

    files: Sequence[Path]
    file: Array
    """int32, the file of each row; -1 for a text that is not in the cache."""
    position: Array
    """int32, the position of each row in its file."""

    def vectors(self) -> Iterator[tuple[Array, Array, Array]]:
        """Yield (rows, index, vectors) for each file: row `rows[i]` has the vector `vectors[index[i]]`."""
        order = np.argsort(self.file, kind="stable")
        ends = np.searchsorted(self.file[order], np.arange(len(self.files) + 1))
        for file, start, end in zip(self.files, ends[:-1], ends[1:], strict=True):
            if start < end:
                rows = order[start:end]
                positions, which = np.unique(self.position[rows], return_inverse=True)
                yield rows, which, _vectors_of(file)[positions]


class VectorStore:
    """The cached vectors of one encoder."""

    def __init__(self, root: Path, fingerprint: str, width: int) -> None:
        self.folder = root / VECTORS / fingerprint
        self.width = width

    def positions(self, digests: Array) -> Positions:
        """Positions of the vectors of texts. If a text was encoded more than once, the newest vector is used.

        Args:
            digests: Digest of the text of each row, as returned by `texts.digests`.
        """
        files = [file for file in sorted(self.folder.glob("part-*.parquet"), reverse=True) if is_intact(file)]
        cached = pl.concat(
            [
                pl.DataFrame(schema={"digest": pl.Binary, "file": pl.Int32, "position": pl.Int32}),
                *(
                    pl.read_parquet(file, columns=["digest"]).with_columns(
                        file=pl.lit(number, pl.Int32), position=pl.int_range(pl.len(), dtype=pl.Int32)
                    )
                    for number, file in enumerate(files)
                ),
            ]
        ).unique("digest", keep="first", maintain_order=True)
        positions = _column(digests).join(cached, on="digest", how="left", maintain_order="left")
        file, position = (positions[name].fill_null(-1).to_numpy() for name in ("file", "position"))
        return Positions(files, file, position)

    def vectors(self, digests: Array) -> Array:
        """Vectors of texts that are all in the cache: texts × width, float32."""
        matrix = np.zeros((len(digests), self.width), np.float32)
        for rows, which, vectors in self.positions(digests).vectors():
            matrix[rows] = vectors[which]
        return matrix

    def add_missing(
        self,
        name: str,
        label: str,
        digests: Array,
        read: Callable[[Array], Iterator[str]],
        encode: Callable[[Iterator[list[str]], Progress], Iterator[Array]],
        again: bool = False,
    ) -> int:
        """Encode the texts that are not in the cache.

        A plan of the texts to encode is saved first and then processed in parts, each saved when it is complete. So a
        killed run resumes where it stopped, with the same batches, and produces the same bytes.

        Args:
            name: Name of this plan, unchanged when it is repeated after a kill.
            label: Label of the progress.
            digests: Digest of the text of each row.
            read: Function from ascending rows to their texts.
            encode: Function from the texts of each part to their raw vectors. It requests a part while it encodes the
                one before, and is not called if there are no texts.
            again: Whether to encode all texts again.

        Returns:
            Number of texts to encode, including those of a killed attempt.
        """
        plan = self._plan(name, digests, again)
        parts = {
            _part_file(self.folder, f"part-{name}-{number:05}", _column(digests[rows])["digest"]): rows
            for number, start in enumerate(range(0, len(plan), TEXTS_OF_A_PART))
            if len(rows := plan[start : start + TEXTS_OF_A_PART])
        }
        waiting = {file: rows for file, rows in parts.items() if not sealed(file)}
        if waiting:
            texts = read(np.concatenate(list(waiting.values())))
            read_parts = (list(islice(texts, len(rows))) for rows in waiting.values())
            with progress(label, sum(map(len, waiting.values())), "texts") as shown, background_writer() as do:
                for (file, rows), vectors in zip(waiting.items(), encode(read_parts, shown), strict=True):
                    do(partial(_write, file, _column(digests[rows]).with_columns(vector=vectors)))
        if done := sealed(self._plan_file(name)):
            done.unlink()
        return len(plan)

    def _plan(self, name: str, digests: Array, again: bool) -> Array:
        """Rows to encode, ascending, each text once."""
        if file := sealed(self._plan_file(name)):
            written = pl.read_parquet(file)
            rows = written["row"].to_numpy()
            if rows.max() < len(digests) and _column(digests[rows])["digest"].equals(written["digest"]):
                return rows
        wanted = digests != NO_TEXT
        if not again:
            wanted &= self.positions(digests).file < 0
        plan = _column(digests).with_row_index("row").filter(wanted).unique("digest", keep="first", maintain_order=True)
        if plan.height:
            _write(self._plan_file(name), plan)
        return plan["row"].to_numpy()

    def _plan_file(self, name: str) -> Path:
        return self.folder / f"plan-{name}.parquet"


def keep_only(root: Path, digests: Array) -> int:
    """Remove all vectors of all encoders except those of the given texts, and all plans.

    Args:
        root: Artifact root.
        digests: Digests of the texts to keep.

    Returns:
        Number of vectors removed.
    """
    kept, gone = _column(np.unique(digests)), 0
    for plan in (root / VECTORS).glob("*/plan-*.parquet"):
        plan.unlink()
    for file in (root / VECTORS).glob("*/part-*.parquet"):
        if not is_intact(file):
            continue
        part = pl.read_parquet(file)
        left = part.join(kept, on="digest", how="semi", maintain_order="left")
        gone += part.height - left.height
        if left.height < part.height:
            if left.height:
                _write(_part_file(file.parent, unsealed(file).stem.rpartition("-")[0], left["digest"]), left)
            file.unlink()
    return gone


def _part_file(folder: Path, name: str, texts: pl.Series) -> Path:
    """File of a part. Its name has a digest of its texts, so that it never replaces a part with others."""
    mark = hashlib.blake2b(b"".join(texts), digest_size=4).hexdigest()
    return folder / f"{name}-{mark}.parquet"


def _column(digests: Array) -> pl.DataFrame:
    fixed = pa.FixedSizeBinaryArray.from_buffers(
        pa.binary(digests.itemsize), len(digests), [None, pa.py_buffer(np.ascontiguousarray(digests))]
    )
    return pl.DataFrame({"digest": pl.Series(pl.from_arrow(fixed), dtype=pl.Binary)})


def _vectors_of(part: Path) -> Array:
    vectors: Array = pl.read_parquet(part, columns=["vector"])["vector"].to_numpy()
    return vectors


def _write(file: Path, frame: pl.DataFrame) -> None:
    with sealing(file) as partial:
        frame.write_parquet(partial)
