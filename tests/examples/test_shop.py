"""The shop: search words move lists, what is sold out vanishes, what is used up comes again."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from examples.common import DAY, Rows, Stage
from examples.shop import show
from examples.shop.world import World

NOW = datetime.now(UTC)


@pytest.fixture(scope="module")
def stage(opened: Any) -> Iterator[Stage]:
    with opened("shop") as found:
        show.fill(found, World(NOW - timedelta(hours=12), members=220, products=200))
        yield found


@pytest.fixture(scope="module")
def two_runs(stage: Stage) -> dict[str, Any]:
    stage.run(NOW - DAY, quiet=True)
    who = show.searchers(stage)
    before = {member: show.top_rows(stage, member) for member in who.values()}
    sold_out = show.next_day(stage, who, NOW - timedelta(minutes=5))
    (often,) = stage.rows(show.LEFT, (sold_out,))
    stage.run(NOW, quiet=True)
    return {"who": who, "before": before, "sold out": sold_out, "often": often[0]}


def titles(rows: Rows) -> list[str]:
    return [title for _, _, title, *_ in rows]


@pytest.mark.parametrize("language", ["en", "zh"])
def test_who_searched_for_shoes_gets_them_on_the_next_run(
    stage: Stage, two_runs: dict[str, Any], language: str
) -> None:
    member = two_runs["who"][language]
    assert not any("running shoes" in title for title in titles(two_runs["before"][member]))
    after = titles(show.top_rows(stage, member, 3))
    assert sum("running shoes" in title and "运动鞋" in title for title in after) >= 2


def test_what_is_sold_out_is_in_no_list(stage: Stage, two_runs: dict[str, Any]) -> None:
    assert two_runs["often"] > 100
    assert stage.rows(show.LEFT, (two_runs["sold out"],)) == [(0,)]
    assert stage.rows("SELECT count(*) FROM chatrec.recommendations JOIN store.products ON sku = item_id "
                      "WHERE stock = 0") == [(0,)]  # fmt: skip


@pytest.mark.usefixtures("two_runs")
def test_what_is_used_up_comes_again_and_nothing_else(stage: Stage) -> None:
    regular = show.used_up(stage, NOW)
    assert len(regular) > 20
    assert sum(listed for *_, listed in regular) > 0.8 * len(regular)
    again = stage.settings.rules.repeat
    wrong = stage.rows(
        "SELECT count(*) FROM chatrec.recommendations r JOIN store.products p ON p.sku = r.item_id "
        "JOIN store.order_lines o ON o.member_id = r.user_id AND o.sku = r.item_id "
        "WHERE NOT p.shelf = ANY (%s) OR o.ordered_at > %s",
        (list(again.groups), NOW - (again.after_days - 0.1) * DAY),
    )
    assert wrong == [(0,)]


def test_the_shop_is_the_same_for_the_same_seed_whatever_its_size() -> None:
    small, large = (World(NOW, members=members, products=100) for members in (1000, 2500))
    first, *others = large.orders()
    assert next(small.orders()).equals(first)
    assert len(others) == 2
    assert not next(World(NOW, members=1000, products=100, seed=8).orders()).equals(first)
