"""All vectors of a run, from the files of a snapshot to the files of the step, with a real tiny GPT-2."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from chatrec.config import Settings
from chatrec.encoder import checkpoint, embed, text_source, vector_cache
from chatrec.encoder.embed import ITEMS, PROFILE_USERS, PROFILES, USERS
from chatrec.encoder.text_source import ItemTexts, UserTexts
from chatrec.encoder.texts import digests, item_texts
from chatrec.extract import schema
from chatrec.extract.snapshot import Snapshot
from tests.support.models import TAKEN, TITLES, TOWNS, encoder_settings


def settings_of(root: Path, model: Path, **encoder: Any) -> Settings:
    return encoder_settings(root, model, dimensions=8, **encoder)


def vectors(
    snapshot: Snapshot, made: Settings, folder: Path, name: str = "run"
) -> tuple[dict[str, np.ndarray], dict[str, Any]]:
    folder.mkdir(parents=True)
    result = embed.embed(snapshot, made, folder, name)
    return {name: np.load(folder / name) for name in (ITEMS, USERS, PROFILES, PROFILE_USERS)}, result


def test_read_users_and_composed_ones(snapshot: Snapshot, gpt2_folder: Path, tmp_path: Path) -> None:
    """Items, profiles and users without a history are the same; composed are those with one."""
    read, result = vectors(snapshot, settings_of(tmp_path, gpt2_folder, user_text="read"), tmp_path / "read")
    assert (result.user_text, result.items_embedded, result.users_embedded) == ("read", 5, 5)
    composed, result = vectors(snapshot, settings_of(tmp_path, gpt2_folder, user_text="compose"), tmp_path / "composed")
    assert result.user_text == "composed"
    assert (result.users_embedded, result.users_cached) == (0, 3)  # the profiles: all of them were read before
    assert (read[ITEMS] == composed[ITEMS]).all()
    assert (read[PROFILES] == composed[PROFILES]).all()
    for user, town in enumerate(TOWNS):
        assert (read[USERS][user] == composed[USERS][user]).all() == (user not in TAKEN), user
        assert composed[USERS][user].any() == bool(town or user in TAKEN), user
    items = composed[ITEMS]
    expected = items[[5, 1, 0]].T @ [1, 1 / 2, 1 / 3] / (1 + 1 / 2 + 1 / 3) + composed[PROFILES][0]
    assert composed[USERS][0] == pytest.approx(expected / np.linalg.norm(expected), abs=1e-5)


def test_where_profiles_are_too_many_those_of_known_users_are_not_read(
    snapshot: Snapshot, gpt2_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text_source, "PROFILES_COMPOSED", 2)
    found, result = vectors(snapshot, settings_of(tmp_path, gpt2_folder, user_text="compose"), tmp_path / "step")
    assert result.users_embedded == 2  # Rome and Lima, of users without a history
    assert found[USERS][1] == pytest.approx(found[ITEMS][6], abs=1e-6)


def test_a_vector_is_of_unit_length_or_of_no_text(snapshot: Snapshot, gpt2_folder: Path, tmp_path: Path) -> None:
    found, _ = vectors(snapshot, settings_of(tmp_path, gpt2_folder), tmp_path / "step")
    lengths = np.linalg.norm(found[ITEMS], axis=1)
    assert lengths == pytest.approx([float(bool(title)) for title in TITLES], abs=1e-5)
    assert (found[ITEMS][1] == found[ITEMS][4]).all()


def test_blocks_do_not_matter(
    snapshot: Snapshot, gpt2_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(vector_cache, "TEXTS_OF_A_PART", 2)
    whole, _ = vectors(snapshot, settings_of(tmp_path / "a", gpt2_folder), tmp_path / "a" / "step")
    monkeypatch.setattr(text_source, "ROWS_OF_A_BLOCK", 3)
    found, _ = vectors(snapshot, settings_of(tmp_path / "b", gpt2_folder), tmp_path / "b" / "step")
    for name, expected in whole.items():
        assert (found[name] == expected).all(), name


def test_no_model_is_loaded_where_no_text_is_new(
    snapshot: Snapshot, gpt2_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = settings_of(tmp_path, gpt2_folder)
    first, _ = vectors(snapshot, made, tmp_path / "first")
    loaded: list[Any] = []
    monkeypatch.setattr(checkpoint, "load", lambda *arguments: loaded.append(arguments))
    second, result = vectors(snapshot, made, tmp_path / "second", "next run")
    assert (result.texts_embedded, loaded) == (0, [])
    for name, expected in first.items():
        assert (second[name] == expected).all(), name


def test_texts_read_by_block_are_those_of_the_whole(
    snapshot: Snapshot, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(text_source, "ROWS_OF_A_BLOCK", 2)
    template = Settings().text
    items = ItemTexts(snapshot, template)
    assert len(items) == len(TITLES)
    assert list(items.read(np.arange(len(items)))) == item_texts(snapshot.items, template.item)
    assert list(items.read(np.array([1, 5, 6]))) == [TITLES[row] for row in (1, 5, 6)]
    assert (items.digests == digests(TITLES)).all()
    users = UserTexts(snapshot, np.array([5, 0, 4]), 2, True, template)
    assert list(users.read(np.array([0, 1]))) == ["town: Lima.", "town: Rome. Took: Bread and butter; A rocket"]


def test_an_empty_snapshot_gives_empty_files(gpt2_folder: Path, tmp_path: Path) -> None:
    for name, columns in (
        (schema.ITEMS, schema.items_schema(True, [])),
        (schema.USERS, schema.users_schema(True, [])),
        (schema.INTERACTIONS, schema.INTERACTIONS_SCHEMA),
    ):
        pl.DataFrame(pl.from_arrow(columns.empty_table())).write_parquet(tmp_path / name)
    found, _ = vectors(Snapshot(tmp_path), settings_of(tmp_path, gpt2_folder), tmp_path / "step")
    assert [found[name].shape for name in (ITEMS, USERS, PROFILES)] == [(0, 8)] * 3
