"""Raw vectors by the digest of their text, in Parquet: a text is encoded once in the life of an encoder.

The vectors of different encoders are in different folders and never meet.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import polars as pl

from chatrec.run import replacing
from chatrec.source.snapshot import Array

TEXTS_OF_A_PART = 20_000


class VectorStore:
    """The vectors of one encoder."""

    def __init__(self, root: Path, fingerprint: str, width: int) -> None:
        self.folder = root / "vectors" / fingerprint
        self.width = width

    def find(self, digests: Sequence[bytes]) -> pl.DataFrame:
        """digest and vector of those texts that are there."""
        schema = pl.Schema({"digest": pl.Binary(), "vector": pl.Array(pl.Float32, self.width)})
        missing = pl.DataFrame({"digest": digests}, schema={"digest": pl.Binary}).unique(maintain_order=True)
        found = [pl.DataFrame(schema=schema)]
        for part in sorted(self.folder.glob("part-*.parquet"), reverse=True):
            if missing.is_empty():
                break
            found.append(pl.scan_parquet(part).join(missing.lazy(), on="digest", how="semi").collect())
            missing = missing.join(found[-1], on="digest", how="anti", maintain_order="left")
        return pl.concat(found)

    def add_missing(
        self, name: str, texts: dict[bytes, str], encode: Callable[[list[str]], Array], anew: bool = False
    ) -> int:
        """Encodes the texts that are not there.

        What is to be encoded is written down first and then worked off in parts, each of them kept when it is done. So
        a killed night goes on where it was, in the same batches, and comes to the same bytes.

        Args:
            name: of this piece of work, the same when it is done again after a kill.
            texts: by their digest.
            encode: raw vectors of texts.
            anew: encode all texts, whatever is there.

        Returns:
            How many texts were encoded, those of a killed attempt included.
        """
        plan = self._plan(name, texts, anew)
        for number, start in enumerate(range(0, len(plan), TEXTS_OF_A_PART)):
            part = self.folder / f"part-{name}-{number:05}.parquet"
            digests = plan[start : start + TEXTS_OF_A_PART]
            if part.exists() and pl.read_parquet(part, columns=["digest"])["digest"].to_list() == digests:
                continue
            vectors = encode([texts[digest] for digest in digests])
            _write(part, pl.DataFrame({"digest": digests, "vector": vectors}))
        self._plan_file(name).unlink(missing_ok=True)
        return len(plan)

    def vectors(self, digests: Sequence[bytes]) -> Array:
        """The vectors of texts that are all there: texts × width."""
        wanted = pl.DataFrame({"digest": digests}, schema={"digest": pl.Binary})
        joined = wanted.join(self.find(digests), on="digest", how="left", maintain_order="left")
        return joined["vector"].to_numpy().reshape(len(digests), self.width).astype(np.float32)

    def _plan(self, name: str, texts: dict[bytes, str], anew: bool) -> list[bytes]:
        file = self._plan_file(name)
        if file.exists():
            plan = pl.read_parquet(file)["digest"].to_list()
            if set(plan) <= texts.keys():
                return plan
        there = set() if anew else set(self.find(list(texts))["digest"])
        plan = [digest for digest in texts if digest not in there]
        if plan:
            _write(file, pl.DataFrame({"digest": plan}))
        return plan

    def _plan_file(self, name: str) -> Path:
        return self.folder / f"plan-{name}.parquet"


def _write(file: Path, frame: pl.DataFrame) -> None:
    with replacing(file) as partial:
        frame.write_parquet(partial)
