"""When items arrived: their own time, else the first run that saw them, the same however often a run extracts."""

from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest

from chatrec.config.source import Text
from chatrec.encoder.texts import item_texts
from chatrec.errors import MappingError, SettingsError
from chatrec.extract.schema import ITEMS
from chatrec.extract.snapshot import Snapshot
from chatrec.features.catalogue import Texts
from chatrec.runs.run import Run
from tests.support.extracts import Extract, extractor
from tests.support.shop import SELECTS, Shop

KEYS = [f"2026060{day}T020000Z" for day in range(1, 5)]
CREATED = SELECTS["items"].replace("changed_at AS updated_at", "changed_at AS updated_at, created AS created_at")


@pytest.fixture
def take(shop: Shop, tmp_path: Path) -> Extract:
    return extractor(shop, tmp_path)


def micros(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000_000


def arrivals(snapshot: Snapshot) -> dict[int, int]:
    """Of the items that were not there from the start."""
    return dict(snapshot.items.filter(pl.col("arrived_at").is_not_null()).select("item_id", "arrived_at").rows())


def test_an_item_arrives_with_the_first_run_that_sees_it(shop: Shop, take: Extract, tmp_path: Path) -> None:
    runs = [Run(tmp_path, key) for key in KEYS]
    assert arrivals(take(run=runs[0])[1]) == {}
    shop.insert("films", [(100, "Second", "plot", ["Space"], True, None)])
    second = {100: micros("2026-06-02 02:00")}
    assert arrivals(take(run=runs[1])[1]) == second
    shop.insert("films", [(101, "Third", "plot", ["Space"], True, None)])
    third = second | {101: micros("2026-06-03 02:00")}
    assert arrivals(take(run=runs[2])[1]) == third
    shop.execute("DELETE FROM films WHERE no = 100")
    assert 100 not in arrivals(take(run=runs[3])[1])
    shop.insert("films", [(100, "Second", "plot", ["Space"], True, None)])
    assert arrivals(take(run=runs[2])[1]) == third  # repeated, with a later run beside it


def test_an_extraction_without_a_manifest_has_seen_nothing(shop: Shop, take: Extract, tmp_path: Path) -> None:
    first, second, third = (Run(tmp_path, key) for key in KEYS[:3])
    take(run=first)
    shop.insert("films", [(100, "Second", "plot", ["Space"], True, None)])
    take(run=second)
    (second.folder / "extract.json").unlink()
    assert arrivals(take(run=third)[1]) == {100: micros("2026-06-03 02:00")}


def test_an_older_snapshot_without_arrivals_has_seen_its_items(shop: Shop, take: Extract, tmp_path: Path) -> None:
    first, second = (Run(tmp_path, key) for key in KEYS[:2])
    take(run=first)
    file = first.step_folder("extract") / ITEMS
    made = first.finished("extract")
    pl.read_parquet(file).drop("arrived_at").write_parquet(file)
    first.finish(made)
    shop.insert("films", [(100, "Second", "plot", ["Space"], True, None)])
    assert arrivals(take(run=second)[1]) == {100: micros("2026-06-02 02:00")}


def test_ids_of_text_are_known_again(shop: Shop, take: Extract, tmp_path: Path) -> None:
    selects = {
        "items": "SELECT 'n°' || no AS item_id, name AS title FROM films",
        "interactions": "SELECT customer AS user_id, 'n°' || film AS item_id, at AS occurred_at FROM views",
    }
    take(run=Run(tmp_path, KEYS[0]), **selects)
    shop.insert("films", [(100, "Second", "plot", ["Space"], True, None)])
    found = arrivals(take(run=Run(tmp_path, KEYS[1]), **selects)[1])
    assert found == {"n°100": micros("2026-06-02 02:00")}


@pytest.mark.parametrize("kind", ["timestamptz", "timestamp", "date"])
def test_the_time_of_an_item_comes_first(shop: Shop, take: Extract, tmp_path: Path, kind: str) -> None:
    """Infinite times, those before 1970 and those of the future are none."""
    shop.execute(f"ALTER TABLE films ADD created {kind}")
    times = {1: "2026-02-03", 2: "infinity", 3: "-infinity", 4: "0001-01-01", 5: "9999-12-31", 6: "2030-01-01 BC"}
    for number, time in times.items():
        shop.execute("UPDATE films SET created = %s WHERE no = %s", (time, number))
    first, second = (Run(tmp_path, key) for key in KEYS[:2])
    own = {1: micros("2026-02-03")}
    assert arrivals(take(run=first, items=CREATED)[1]) == own
    shop.insert("films", [(100, "Second", "plot", ["Space"], True, None, None)])
    shop.execute("UPDATE films SET created = '2026-02-05' WHERE no = 2")
    expected = own | {2: micros("2026-02-05"), 100: micros("2026-06-02 02:00")}
    assert arrivals(take(run=second, items=CREATED)[1]) == expected
    assert arrivals(take(run=Run(tmp_path, KEYS[2]))[1]) == expected  # no longer mapped, but remembered


def test_a_time_that_is_text_is_refused(shop: Shop, take: Extract) -> None:
    with pytest.raises(MappingError, match=r"source.items gives created_at as text: cast it to one of date, timestamp"):
        take(items="SELECT no AS item_id, name AS title, changed_at::text AS created_at FROM films")
    with pytest.raises(MappingError, match=r"column arrived_at, which is where the arrival of an item is kept: rename"):
        take(items="SELECT no AS item_id, name AS title, plot AS arrived_at FROM films")


def test_an_arrival_is_no_text_and_no_feature(take: Extract) -> None:
    _, plain = take(items="SELECT no AS item_id, name AS title, plot FROM films")
    texts, features = item_texts(plain.items, Text().item), Texts.of(plain.items)
    _, timed = take(items="SELECT no AS item_id, name AS title, plot, changed_at AS created_at FROM films")
    assert len(arrivals(timed)) == 60
    assert item_texts(timed.items, Text().item) == texts
    assert Texts.of(timed.items) == features
    with pytest.raises(SettingsError, match=r"text.item fails: 'arrived_at' is undefined"):
        item_texts(timed.items, "{{ arrived_at }}")
