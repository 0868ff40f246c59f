"""Search words in a whole run, in English and in Chinese."""

from collections.abc import Callable

import pytest

from chatrec.config import Settings
from tests.support.finished import complete, migrate
from tests.support.shop import Shop

SHOES = {100: "Trail running shoes", 101: "红色运动鞋"}
SELECT = "SELECT customer AS user_id, words AS query, at AS occurred_at FROM searches"


@pytest.mark.parametrize(("query", "shoe"), [("running shoes", 100), ("运动鞋", 101)])
def test_who_searched_for_shoes_gets_shoes(
    shop: Shop, configure: Callable[..., Settings], query: str, shoe: int
) -> None:
    nobody = shop.users - 1
    shop.execute("CREATE TABLE searches (customer bigint, words text, at timestamptz)")
    at = "2026-03-01+00"
    shop.insert("films", [(film, name, name, ["Shop"], True, at) for film, name in SHOES.items()])
    shop.insert("views", [(user, film, "view", 1.0, "2026-01-01+00") for film in SHOES for user in (30, 31)])
    shop.insert("searches", [(customer, query, "2026-02-28 12:00+00") for customer in (1, 2, nobody)])
    settings = configure(source__queries=SELECT)
    migrate(settings)
    assert complete(settings).results["rank"].users_searched == 1
    first = {user: (item, source) for user, rank, item, _, _, source, _ in shop.lists() if rank == 1}
    assert first[1] == (shoe, "search")
    assert first[2] == (shoe, "search")
    assert first[nobody] == (shoe, "searched")
    assert all(item not in SHOES for user, (item, _) in first.items() if user not in (1, 2, 30, 31, nobody))
    assert shop.execute("SELECT query, rank, item_id FROM chatrec.query_recommendations") == [(query, 1, shoe)]
