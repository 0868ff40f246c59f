"""A run under rules, from the settings to the published lists and the record of the run."""

from collections.abc import Callable

import pytest

from chatrec.config import Settings
from tests.support import finished
from tests.support.shop import Shop

ITEMS = (
    "SELECT no AS item_id, name AS title, plot, kinds AS groups, in_stock AS available, "
    "no % 5 AS maker, timestamptz '2026-02-28' - no * interval '1 day' AS published_at FROM films"
)


@pytest.fixture(scope="module")
def made(module_database: str) -> Shop:
    shop = Shop(module_database)
    shop.create()
    return shop


@pytest.fixture
def ruled(made: Shop, configure: Callable[..., Settings]) -> Settings:
    given = configure(
        rules__deny=[{"name": "no kitchens", "groups": ["Kitchen"]}],
        rules__caps=[{"name": "one of a maker", "attribute": "maker", "at_most": 1}],
        rules__boosts=[{"name": "new wave", "attribute": "maker", "values": ["3"], "factor": 1.5}],
        rules__pins=[{"name": "the eleventh", "item": "11", "place": 2}],
        rules__repeat={"policy": "groups", "groups": ["Space"], "after_days": 10},
        rules__freshness={"attribute": "published_at", "half_life": 20},
    )
    return given.override(
        {"database.url": made.url, "source.items": ITEMS, "source.item_attributes": ["maker", "published_at"]}
    )


def test_a_run_keeps_the_rules_and_says_what_each_did(made: Shop, ruled: Settings) -> None:
    finished.migrate(ruled)
    run = finished.complete(ruled)
    assert run.state == "published"
    kinds = dict(made.execute("SELECT no, kinds[1] FROM films"))
    views = made.execute("SELECT customer, film, max(at) FROM views GROUP BY 1, 2")
    last = {(user, item): at for user, item, at in views}
    newest = max(last.values())
    again = 0
    rows: dict[int, list[int]] = {}
    for user, rank, item, *_ in made.lists():
        rows.setdefault(user, []).append(item)
        assert len(rows[user]) == rank
        assert kinds[item] != "Kitchen"
        if (user, item) in last:
            assert kinds[item] == "Space"
            assert (newest - last[user, item]).days >= 10
            again += 1
    assert again
    for user, items in rows.items():
        makers = [item % 5 for item in items]
        assert len(makers) == len(set(makers)) == 5
        assert ((user, 11) in last) or items[1] == 11
    ranked = run.results["rank"]
    assert ranked.rules_users == 40
    assert set(ranked.rules) == {
        "no kitchens", "one of a maker", "new wave", "the eleventh", "repeat", "freshness",
    }  # fmt: skip
    assert ranked.rules["no kitchens"].removed > 40
    assert all(effect.moved + effect.added + effect.removed for effect in ranked.rules.values())
    assert ranked.short_by_caps == 0
    assert kinds_in(made, "SELECT DISTINCT similar_item_id FROM chatrec.similar_items") == {"Space", "Detective"}
    assert kinds_in(made, "SELECT item_id FROM chatrec.popular") == {"Space", "Detective"}
    assert made.execute("SELECT count(DISTINCT item_id) FROM chatrec.similar_items") == [(60,)]  # sold out ones too
    groups = made.execute("SELECT DISTINCT name FROM chatrec.popular WHERE group_id IS NOT NULL ORDER BY 1")
    assert groups == [("Detective",), ("Space",)]


def kinds_in(shop: Shop, query: str) -> set[str]:
    """The kinds of the films that a query gives."""
    return {kind for (kind,) in shop.execute(f"SELECT DISTINCT kinds[1] FROM films WHERE no IN ({query})")}
