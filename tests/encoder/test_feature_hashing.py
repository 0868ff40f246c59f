"""Hashed n-grams: vectors of texts that need no model, no corpus and no language."""

from pathlib import Path

import numpy as np
import pytest

import chatrec
from chatrec.encoder import embed
from chatrec.encoder.feature_hashing import WIDTH, vectors
from chatrec.encoder.model_selection import HASHING
from chatrec.extract.snapshot import Snapshot
from tests.support.models import encoder_settings

TITLES = ["red office chair", "blue office chairs", "stapler", "运动鞋", "跑步运动鞋", "", "👟"]


def test_texts_that_share_words_or_parts_of_words_are_near() -> None:
    near = vectors(TITLES) @ vectors(TITLES).T
    assert near[0, 1] > 0.4 > 0.1 > abs(near[0, 2])
    assert near[3, 4] > 0.3 > 0.1 > abs(near[3, 0])


def test_a_vector_depends_on_its_text_alone() -> None:
    together = vectors(TITLES)
    assert together.shape == (len(TITLES), WIDTH)
    for title, vector in zip(TITLES, together, strict=True):
        np.testing.assert_array_equal(vectors([title])[0], vector)
    assert np.linalg.norm(together, axis=1).round(6).tolist() == [1, 1, 1, 1, 1, 0, 0]
    assert vectors([]).shape == (0, WIDTH)


def test_a_run_embeds_with_them_and_caches_them(snapshot: Snapshot, tmp_path: Path) -> None:
    made = encoder_settings(tmp_path, Path(HASHING))
    folders = [tmp_path / name for name in ("first", "second")]
    for folder in folders:
        folder.mkdir()
    first, second = (embed.embed(snapshot, made, folder, folder.name) for folder in folders)
    assert first.encoder == second.encoder == HASHING
    assert first.items_embedded > 0
    assert (second.texts_embedded, second.items_cached) == (0, first.items_embedded)
    for name in (embed.ITEMS, embed.USERS, embed.PROFILES):
        np.testing.assert_array_equal(*(np.load(folder / name) for folder in folders))
    items = np.load(folders[0] / embed.ITEMS)
    titles = snapshot.items["title"].to_list()
    one, other = (row for row, title in enumerate(titles) if title == "A rocket")
    np.testing.assert_array_equal(items[one], items[other])


def test_the_public_encoder_has_them(tmp_path: Path) -> None:
    encoder = chatrec.TextEncoder("hashing", cache=str(tmp_path))
    with pytest.warns(chatrec.ChatrecWarning, match="fitted on 6 different texts"):
        encoder.fit(TITLES)
    near = encoder.encode(TITLES[:3]) @ encoder.encode(TITLES[:3]).T
    assert near[0, 1] > near[0, 2]
    assert encoder.encode([]).shape[0] == 0
