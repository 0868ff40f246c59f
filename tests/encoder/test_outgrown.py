"""A local model that was trained on little, or on other texts, does not serve for good."""

from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from chatrec.config import Settings
from chatrec.encoder import registry
from chatrec.encoder.embed import prepare_encoder
from chatrec.encoder.model_selection import choose
from chatrec.extract import schema
from chatrec.extract.schema import write_table
from chatrec.extract.snapshot import Snapshot
from chatrec.runs.results import EncoderResult

COLOURS, THINGS = ("red", "blue", "green", "grey", "white"), ("lamp", "chair", "table", "shelf", "rug", "stool")
LAMPS = [f"{COLOURS[n % 5]} {THINGS[n % 6]} for the kitchen {n}" for n in range(80)]
CHINESE = [f"{'红蓝绿灰白'[n % 5]}色{'鞋灯桌椅柜'[n // 5 % 5]}子运动跑步 {n}" for n in range(80)]
LOCAL = {"layers": 1, "width": 32, "vocabulary": 600, "train_tokens": 512}


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings().override(
        {
            "artifacts.root": tmp_path,
            "encoder.model": "local",
            "encoder.device": "cpu",
            "compute.threads": 1,
            "advanced.encoder.max_tokens": 32,
            "advanced.encoder.local": LOCAL,
        }
    )


def prepared(settings: Settings, titles: Sequence[str]) -> EncoderResult:
    """The encoder of a run over items with these titles."""
    folder = settings.artifacts.root / "extract"
    folder.mkdir(exist_ok=True)
    items = pl.DataFrame({"item_id": range(len(titles)), "title": titles}).with_columns(
        groups=pl.lit([], pl.List(pl.String)), available=True, arrived_at=pl.lit(None, pl.Int64)
    )
    write_table(folder / schema.ITEMS, items, schema.items_schema(True, []))
    users = pl.DataFrame({"user_id": [0], "active": [True]})
    write_table(folder / schema.USERS, users, schema.users_schema(True, []))
    pl.DataFrame(pl.from_arrow(schema.INTERACTIONS_SCHEMA.empty_table())).write_parquet(folder / schema.INTERACTIONS)
    return prepare_encoder(Snapshot(folder), settings, folder)


def test_a_model_of_four_texts_does_not_serve_eighty(settings: Settings) -> None:
    first = prepared(settings, LAMPS[:4])
    assert first.trained
    assert prepared(settings, LAMPS[:5]).trained is False
    assert prepared(settings, LAMPS[:4] * 20).trained is False  # eighty items of four texts
    second = prepared(settings, LAMPS)
    assert second.trained
    assert second.encoder == f"{first.encoder}-2"
    assert choose(settings).name == second.encoder
    assert prepared(settings, LAMPS).trained is False
    assert prepared(settings, LAMPS[:4]).trained is False  # a catalogue that shrinks for a night
    sizes = [version.facts["next_token"]["texts"] for version in registry.versions(settings.artifacts.root)]
    assert sorted(sizes) == [4, 80]


@pytest.mark.slow
def test_a_model_of_no_text_at_all_does_not_serve_four(settings: Settings) -> None:
    assert prepared(settings, ["", ""]).trained
    assert prepared(settings, LAMPS[:4]).trained


@pytest.mark.slow
def test_a_model_of_another_language_does_not_serve(settings: Settings) -> None:
    assert prepared(settings, LAMPS).trained
    assert prepared(settings, LAMPS[:40] + [f"{title} again" for title in LAMPS[40:]]).trained is False
    assert prepared(settings, CHINESE).trained
    assert prepared(settings, CHINESE).trained is False
    third = prepared(settings, LAMPS)
    assert third.trained
    assert third.encoder.endswith("-3")


@pytest.mark.slow
def test_a_model_that_did_not_record_its_texts_serves(settings: Settings) -> None:
    first = prepared(settings, LAMPS[:4])
    file = settings.artifacts.root / registry.FOLDER / first.encoder / registry.VERSION
    file.write_text(file.read_text(encoding="utf-8").replace('"texts": 4', '"texts": null'), encoding="utf-8")
    assert prepared(settings, LAMPS).trained is False
