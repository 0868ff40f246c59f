"""A full disk is called full, whichever library wrote to it, and an error of the database is not one of the disk."""

import errno
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import faiss
import numpy as np
import polars as pl
import psycopg2
import pyarrow as pa
import pytest
import torch
from pyarrow import parquet
from safetensors.torch import save_file

from chatrec.errors import ArtifactError, ChatrecError
from chatrec.runs.disk import readable_disk_errors
from chatrec.runs.sealed import sealing, write_json

MATRIX = np.random.default_rng(0).random((800, 800), np.float32)
"""2.5 MB, for a disk of 2 MB."""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A disk of 2 MB, half of it in use."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=2m", "none", folder]
    if subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("needs the right to mount a tmpfs")
    (folder / "runs").mkdir()
    (folder / "runs" / "file").write_bytes(bytes(1 << 20))
    yield folder
    subprocess.run(["umount", "-l", folder], check=True)


def _index(file: Path) -> None:
    index = faiss.IndexFlatIP(800)
    index.add(MATRIX)
    faiss.write_index(index, str(file))


WRITERS: dict[str, Callable[[Path], object]] = {
    "Python": lambda file: file.write_bytes(MATRIX.tobytes()),
    "NumPy": lambda file: np.save(file, MATRIX),
    "NumPy, many": lambda file: np.savez(file, MATRIX),
    "Polars": lambda file: pl.DataFrame(MATRIX).write_parquet(file),
    "Arrow": lambda file: parquet.write_table(pa.table({"a": MATRIX.ravel()}), file),
    "PyTorch": lambda file: torch.save(torch.from_numpy(MATRIX), file),
    "safetensors": lambda file: save_file({"a": torch.from_numpy(MATRIX)}, file),
    "FAISS": _index,
    "JSON": lambda file: write_json(file, {"a": "x" * MATRIX.nbytes}),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_full_disk_is_called_full(small_disk: Path, writer: str) -> None:
    says = r"The disk of artifacts\.root .* is full: .* of 2 MB are free.*\. runs/ has 1 MB: lower publish\.keep_runs"
    with pytest.raises(ArtifactError, match=says), readable_disk_errors(small_disk):
        WRITERS[writer](small_disk / "file.npy")


def test_what_was_half_written_is_removed_from_a_full_disk(small_disk: Path) -> None:
    def write() -> None:
        with sealing(small_disk / "events" / "day.parquet") as partial:
            WRITERS["Python"](partial)

    with pytest.raises(ArtifactError, match="is full"), readable_disk_errors(small_disk):
        write()
    assert not list((small_disk / "events").iterdir())


@pytest.mark.parametrize(
    ("number", "says"),
    [
        (errno.ENOSPC, "The disk of artifacts.root"),
        (errno.EDQUOT, "The disk of artifacts.root"),
        (errno.EROFS, "its file system is read-only"),
        (errno.EACCES, "Give it to the user who runs chatrec"),
        (errno.EIO, "cannot be used: Input/output error"),
    ],
)
def test_an_error_of_a_file_names_it(tmp_path: Path, number: int, says: str) -> None:
    file = tmp_path / "day.parquet"
    with pytest.raises(ArtifactError, match=says) as caught, readable_disk_errors(tmp_path):
        raise OSError(number, os.strerror(number), str(file))
    assert not isinstance(caught.value, OSError)
    assert str(file if number not in (errno.ENOSPC, errno.EDQUOT) else tmp_path) in str(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        psycopg2.OperationalError("could not extend file: No space left on device"),
        ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused"),
        ValueError("none of the disk"),
        FileNotFoundError(errno.ENOENT, "No such file", "/elsewhere/file"),
        ChatrecError("known"),
    ],
)
def test_other_errors_stay_as_they_are(tmp_path: Path, error: Exception) -> None:
    with pytest.raises(type(error)) as caught, readable_disk_errors(tmp_path):
        raise error
    assert caught.value is error
