"""Users who are not active: models learn from them, and they get no list."""

from typing import Any

from chatrec.pipeline.erasure import erase
from chatrec.pipeline.preflight import preflight
from tests.support.finished import Finished, complete
from tests.support.shop import Shop

INACTIVE = (0, 1, 39)
USERS = f"SELECT no AS user_id, age, town, CASE WHEN no IN {INACTIVE} THEN false END AS active FROM customers"
TABLES = ("popular", "similar_items", "trending", "item_groups")


def contents(shop: Shop) -> dict[str, list[tuple[Any, ...]]]:
    """Statistics of items, which all users contribute to."""
    return {name: sorted(shop.execute(f"SELECT * FROM chatrec.{name}"), key=str) for name in TABLES}


def test_inactive_users_have_no_list_and_everything_learns_from_them(finished: Finished) -> None:
    shop, before = finished.shop, finished.shop.lists()
    tables = contents(shop)
    run = finished.run
    settings = finished.settings.override({"source.users": USERS})
    assert all(finding.error is None for finding in preflight(settings))
    later = complete(settings)
    listed = {user for user, *_ in shop.lists()}
    assert listed == set(range(40)) - set(INACTIVE)
    assert [row[:4] for row in shop.lists()] == [row[:4] for row in before if row[0] not in INACTIVE]
    assert contents(shop) == tables
    assert {user for (user,) in shop.execute("SELECT user_id FROM chatrec.user_groups")} <= listed
    assert later.results["extract"].interactions == run.results["extract"].interactions
    assert later.results["extract"].quarantined == 0
    assert later.results["ensemble"].weights == run.results["ensemble"].weights
    assert later.results["gate"].users_listed == 37
    message = shop.execute(f"SELECT message FROM chatrec.run_checks WHERE run = {later.run} AND name = 'some lists'")
    assert "37 of 37 users" in message[0][0]


def test_inactive_users_can_be_erased(finished: Finished) -> None:
    complete(finished.settings.override({"source.users": USERS}))
    removed = erase(finished.settings, "0").removed
    assert removed["users of snapshots"] == 2
    assert removed["interactions of snapshots"] == 24
