"""What a snapshot contains, counted column by column."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from chatrec.extract.contents import contents_of
from tests.support.extracts import extractor
from tests.support.shop import Shop


def test_contents_are_counted(shop: Shop, tmp_path: Path) -> None:
    shop.execute("UPDATE films SET in_stock = false WHERE no < 5")
    shop.execute("UPDATE films SET plot = '' WHERE no < 10")
    shop.execute("UPDATE films SET plot = NULL, kinds = '{}' WHERE no = 20")
    shop.execute("UPDATE customers SET town = NULL WHERE no = 3")
    shop.execute("INSERT INTO views VALUES (0, 0, 'view', 1, '2026-03-10 00:00+00')")
    _, snapshot = extractor(shop, tmp_path)()
    taken = int(datetime(2026, 3, 12, 12, tzinfo=UTC).timestamp() * 1_000_000)
    found = contents_of(snapshot.folder, taken)
    assert (found.users_active, found.users_with_history, found.items_available) == (40, 39, 55)
    assert found.filled == {
        "users.age": 40, "users.town": 39, "items.title": 60, "items.groups": 59, "items.plot": 49,
    }  # fmt: skip
    assert found.newest_event_age == pytest.approx(2.5)
    assert found.longest_pause == 11


def test_without_times_and_without_rows_there_is_less_to_count(shop: Shop, tmp_path: Path) -> None:
    untimed = extractor(shop, tmp_path / "untimed")
    select = "SELECT customer AS user_id, film AS item_id FROM views"
    _, snapshot = untimed(interactions=select, target="random")
    found = contents_of(snapshot.folder, 0)
    assert (found.users_with_history, found.newest_event_age, found.longest_pause) == (39, None, None)
    shop.execute("TRUNCATE customers, films, views")
    found = contents_of(untimed()[1].folder, 0)
    assert (found.users_with_history, found.items_available) == (0, 0)
    assert set(found.filled.values()) == {0}
