"""A log without times, from the check to the lists: nothing that counts time fails."""

from collections.abc import Callable

from chatrec.config import Settings
from chatrec.pipeline.preflight import preflight
from tests.support.extracts import QUERIES, SEARCHES
from tests.support.finished import complete, migrate
from tests.support.shop import Shop


def test_a_log_without_times_gets_lists(shop: Shop, configure: Callable[..., Settings]) -> None:
    shop.execute(f"{SEARCHES}; INSERT INTO searches VALUES (1, 'comet', '2026-02-01'), (39, 'oven', '2026-02-02')")
    settings = configure(
        ranking__target="random",
        source__interactions="SELECT customer AS user_id, film AS item_id FROM views",
        source__items="SELECT no AS item_id, name AS title, plot, kinds AS groups, changed_at FROM films",
        source__item_attributes=["changed_at"],
        source__queries=QUERIES,
        rules__freshness={"attribute": "changed_at", "half_life": 30, "unit": "days"},
        rules__repeat={"policy": "always", "after_days": 7},
    )
    findings = {finding.question: finding for finding in preflight(settings)}
    assert [name for name, finding in findings.items() if not finding.ok] == []
    migrate(settings)
    run = complete(settings)
    assert run.results["extract"].interactions == len(shop.views)
    assert run.results["tables"].trending == 0
    lists = shop.lists()
    assert len(lists) == 200
    assert len({row[2] for row in lists if row[0] < 39}) > 20
