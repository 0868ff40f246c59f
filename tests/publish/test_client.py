"""The client of the published tables, on a real PostgreSQL."""

from collections.abc import Iterator
from dataclasses import FrozenInstanceError

import polars as pl
import pytest
from sqlalchemy import make_url

from chatrec.errors import DatabaseUnavailable, DataError, RunError, SettingsError
from chatrec.publish.client import Client
from tests.support.finished import FIRST, Finished, complete


@pytest.fixture(scope="module")
def client(module_finished: Finished) -> Iterator[Client]:
    with Client(module_finished.settings.database.url) as opened:
        yield opened


def test_a_list_is_what_the_view_has(client: Client, module_finished: Finished) -> None:
    rows = client.recommend(3)
    columns = "user_id, rank, item_id, title, score, source, reason"
    found = module_finished.shop.execute(
        f"SELECT {columns} FROM chatrec.recommendations WHERE user_id = 3 ORDER BY rank"
    )
    assert [tuple(vars(row).values()) for row in rows] == found
    assert client.recommend("3", k=2) == rows[:2]
    assert [row.because for row in rows] == [row.reason.get("because") for row in rows]
    with pytest.raises(FrozenInstanceError):
        rows[0].rank = 0  # type: ignore[misc]
    assert pl.DataFrame(rows)["item_id"].to_list() == [row.item_id for row in rows]


def test_the_other_tables(client: Client, module_finished: Finished) -> None:
    shop, item = module_finished.shop, client.popular(k=1)[0].item_id
    similar = shop.execute(
        "SELECT item_id, rank, similar_item_id, title, score FROM chatrec.similar_items WHERE item_id = %s ORDER BY 2",
        (item,),
    )
    assert [tuple(vars(row).values()) for row in client.similar_items(item)] == similar
    (group,) = shop.execute("SELECT min(name) FROM chatrec.popular WHERE group_id IS NOT NULL")[0]
    for name, rows in {None: client.popular(), group: client.popular(group=group)}.items():
        expected = shop.execute(
            "SELECT rank, item_id, title, score FROM chatrec.popular WHERE name IS NOT DISTINCT FROM %s ORDER BY 1",
            (name,),
        )
        assert rows
        assert [tuple(vars(row).values()) for row in rows] == expected
    trending = shop.execute("SELECT rank, item_id, title, score FROM chatrec.trending ORDER BY 1")
    assert [tuple(vars(row).values()) for row in client.trending()] == trending
    assert client.search("  Nobody asked\tTHIS ") == []
    assert (client.live_run().key, client.live_run().live) == (FIRST, True)


def test_errors_say_what_to_do(client: Client, module_finished: Finished) -> None:
    with pytest.raises(RunError, match=r"no list for user 12345 in the live run.*popular"):
        client.recommend(12345)
    with pytest.raises(RunError, match="no list for user 3 in run 20200101T000000Z"):
        client.recommend(3, run="20200101T000000Z")
    with pytest.raises(RunError, match="Invalid user id 'abc': expected bigint"):
        client.recommend("abc")
    with pytest.raises(DataError, match="k is 0"):
        client.recommend(3, k=0)
    with pytest.raises(SettingsError, match="not valid"):
        Client("nonsense")
    url = module_finished.settings.database.url
    with Client(url, schema="elsewhere") as other:
        with pytest.raises(SettingsError, match="chatrec db migrate"):
            other.recommend(3)
        with pytest.raises(SettingsError, match="chatrec db migrate"):
            other.popular()
    with (
        Client("postgresql://reader@127.0.0.1:1/shop") as away,
        pytest.raises(DatabaseUnavailable, match=r"127\.0\.0\.1:1"),
    ):
        away.live_run()
    role = make_url(url).set(username="nobody_at_all")
    with Client(role.render_as_string(hide_password=False)) as stranger, pytest.raises(SettingsError, match="refused"):
        stranger.live_run()


def test_an_open_client_sees_the_next_run(finished: Finished) -> None:
    with Client(finished.settings) as client:
        before = client.recommend(3)
        key = complete(finished.settings.override({"ranking.top_n": 3})).key
        assert client.live_run().key == key
        assert len(client.recommend(3)) == 3
        assert client.recommend(3, run=FIRST) == before


def test_a_client_writes_nothing(client: Client) -> None:
    with client._connection() as connection:
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "on"
