"""Noise derived from a secret: equal data get equal noise, different data independent noise, and it cannot be guessed.

The secret is not a setting, because the noise can be removed with it. It is created once and kept beside the releases,
readable by its owner alone.
"""

import contextlib
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

import numpy as np
from scipy.special import ndtri

from chatrec.data.arrays import Array
from chatrec.errors import ArtifactError
from chatrec.runs.digests import fingerprint
from chatrec.runs.files import flush, make_folder, settle

SECRET = "secret"
BYTES = 32


@dataclass(frozen=True)
class Noise:
    """A generator of normal noise."""

    key: bytes = field(repr=False)

    @classmethod
    def of(cls, folder: Path) -> Self:
        """Load the secret of a folder; creates it if there is none."""
        make_folder(folder)
        file = folder / SECRET
        if not file.exists():
            _make(file)
        return cls(_read(file))

    def about(self, *parts: bytes) -> Self:
        """Derive the noise for some data, so that releases of different data never share noise.

        Args:
            *parts: Parts of the data.
        """
        mac = hmac.new(self.key, digestmod=hashlib.sha256)
        for part in parts:
            mac.update(len(part).to_bytes(8, "big") + part)
        return type(self)(mac.digest())

    @property
    def name(self) -> str:
        """A name that reveals nothing about the data."""
        return hmac.digest(self.key, b"name", "sha256").hex()[:32]

    def normal(self, label: str, count: int) -> Array:
        """Standard normal numbers: count, float64.

        SHAKE-256 of key and label gives 64 bits for each number: a sign, and a tail probability that the inverse of Φ
        maps to a number. Known numbers do not reveal the others.
        """
        stream = hashlib.shake_256(self.key + label.encode()).digest(8 * count)
        bits = np.frombuffer(stream, "<u8")
        tails: Array = ndtri(((bits >> np.uint64(1)).astype(np.float64) + 0.5) * 2.0**-64)
        return np.where(bits & np.uint64(1), tails, -tails)


def _make(file: Path) -> None:
    """Write a new secret atomically, unless another process was faster."""
    partial = file.with_name(f".{file.name}.{os.getpid()}")
    partial.unlink(missing_ok=True)
    with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as stream:
        secret = secrets.token_hex(BYTES)
        stream.write(f"{secret} {_checksum(secret)}")
    settle(partial)
    with contextlib.suppress(FileExistsError):
        os.link(partial, file)
    partial.unlink()
    flush(file.parent)


def _read(file: Path) -> bytes:
    secret, _, checksum = file.read_bytes().decode("ascii", "replace").partition(" ")
    if checksum != _checksum(secret):
        raise ArtifactError(
            f"{file} is damaged: restore it from a backup. Without one, remove it; the next release has new noise.",
            file,
        )
    return bytes.fromhex(secret)


def _checksum(secret: str) -> str:
    return fingerprint(secret)[:8]
