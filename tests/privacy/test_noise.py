"""Noise is normal, secret, the same for the same data, and another for other data."""

import stat
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import kstest

from chatrec.errors import ArtifactError
from chatrec.privacy.noise import SECRET, Noise


def test_it_is_normal() -> None:
    drawn = Noise(b"key").normal("some", 200_000)
    assert kstest(drawn, "norm").pvalue > 1e-4
    assert abs(np.corrcoef(drawn[:-1], drawn[1:])[0, 1]) < 0.01
    assert np.abs(drawn).max() > 4


def test_the_secret_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    first, second = Noise.of(tmp_path / "privacy"), Noise.of(tmp_path / "privacy")
    assert first.key == second.key
    assert first.key != Noise.of(tmp_path / "other").key
    assert stat.S_IMODE((tmp_path / "privacy" / SECRET).stat().st_mode) == 0o600
    assert first.key.hex() not in repr(first)


@pytest.mark.parametrize(
    "change", [lambda data: b"", lambda data: data[:-1], lambda data: (b"1" if data[:1] == b"0" else b"0") + data[1:]]
)
def test_a_damaged_secret_is_named(tmp_path: Path, change: Callable[[bytes], bytes]) -> None:
    Noise.of(tmp_path)
    file = tmp_path / SECRET
    file.write_bytes(change(file.read_bytes()))
    with pytest.raises(ArtifactError, match=r"secret is damaged: restore it from a backup"):
        Noise.of(tmp_path)


def test_other_data_other_labels_other_noise() -> None:
    noise = Noise(b"key")
    streams = [noise.about(b"a", b"b"), noise.about(b"ab", b""), noise.about(b"a"), Noise(b"other").about(b"a")]
    drawn = [tuple(stream.normal(label, 4)) for stream in streams for label in ("x", "y")]
    assert len(set(drawn)) == len(drawn)
    assert len({stream.name for stream in streams}) == len(streams)
    assert tuple(noise.about(b"a", b"b").normal("x", 4)) == drawn[0]
