"""A whole run on a real PostgreSQL, with a real small GPT-2 and a real FAISS."""

from collections.abc import Callable
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.pool import Pool

from chatrec import pipeline
from chatrec.config import Settings
from chatrec.errors import RunError, RunStopped
from chatrec.pipeline import RunOptions
from tests.support.extracts import QUERIES, SEARCHES
from tests.support.finished import Finished, complete, migrate
from tests.support.shop import Shop


def test_a_run_publishes_full_lists_of_unseen_items(shop: Shop, configure: Callable[..., Settings]) -> None:
    """With a net that learns, as runs have it that are not tests."""
    settings = configure(aigc__minutes=10)
    migrate(settings)

    record = complete(settings)

    assert record.state == "published"
    assert record.live
    lists = shop.lists()
    assert len(lists) == 40 * 5
    taken = {(user, film) for user, film, *_ in shop.views}
    assert not taken & {(row[0], row[2]) for row in lists}
    assert len({(row[0], row[2]) for row in lists}) == len(lists)


def test_users_get_what_their_kind_takes(shop: Shop, configure: Callable[..., Settings]) -> None:
    """Users take one kind of film only: so must nearly all of their lists be."""
    settings = configure(aigc__minutes=10, advanced__aigc__epochs=30)
    migrate(settings)
    complete(settings)
    rows = shop.lists("source NOT IN ('group', 'popular')")
    same = sum(row[0] % 3 == row[2] % 3 for row in rows)
    assert same / len(rows) > 0.9


def test_a_user_without_a_history_gets_a_marked_fallback(shop: Shop, settings: Settings) -> None:
    shop.execute("INSERT INTO customers VALUES (99, NULL, NULL)")
    migrate(settings)
    complete(settings)
    assert [row[5] for row in shop.lists("user_id = 39")] == ["group"] * 5
    assert [row[5] for row in shop.lists("user_id = 99")] == ["popular"] * 5


def test_reasons_name_the_history_and_the_group(module_finished: Finished) -> None:
    shop = module_finished.shop
    reasons = shop.execute(
        "SELECT user_id, item_id, reason->>'group', (reason->>'because_item_id')::int, reason->'evidence' "
        "FROM chatrec.recommendations WHERE source NOT IN ('group', 'popular')"
    )
    taken = {(user, film) for user, film, *_ in shop.views}
    kinds = ["Space", "Kitchen", "Detective"]
    assert sum(because is not None for *_, because, _ in reasons) > len(reasons) / 2
    for user, item, group, because, evidence in reasons:
        assert because is None or (user, because) in taken
        assert group == kinds[item % 3]
        assert sum(evidence.values()) == pytest.approx(1, abs=0.01)


def test_what_is_not_available_is_not_recommended(shop: Shop, settings: Settings) -> None:
    shop.execute("UPDATE films SET in_stock = false WHERE no < 30")
    migrate(settings)
    complete(settings)
    assert min(row[2] for row in shop.lists()) >= 30


def test_repeat_purchases_are_a_switch(shop: Shop, configure: Callable[..., Settings]) -> None:
    settings = configure(ranking__exclude_seen=False)
    migrate(settings)
    complete(settings)
    taken = {(user, film) for user, film, *_ in shop.views}
    assert taken & {(row[0], row[2]) for row in shop.lists()}


def test_a_search_makes_one_user_text_new(shop: Shop, configure: Callable[..., Settings]) -> None:
    shop.execute(SEARCHES)
    settings = configure(source__queries=QUERIES)
    migrate(settings)
    assert complete(settings).results["extract"].queries == 0
    shop.execute("INSERT INTO searches VALUES (3, 'space rocket', '2026-02-20+00'), (777, 'tent', '2026-02-20+00')")
    results = complete(settings).results
    assert results["extract"].queries == results["embed"].users_embedded == 1
    assert results["embed"].items_embedded == results["embed"].profiles_embedded == 0
    quarantine = shop.execute("SELECT relation, reason, row_data->>'query' FROM chatrec.quarantine")
    assert quarantine == [("queries", "unknown user", "tent")]


def test_the_second_run_embeds_only_what_changed(finished: Finished) -> None:
    shop, settings = finished.shop, finished.settings
    assert finished.run.results["embed"].items_embedded == 60

    second = complete(settings)
    assert second.results["extract"].days_read == 0
    assert second.results["embed"].items_embedded == 0
    assert second.results["embed"].users_embedded == 0
    assert second.results["encoder"].trained is False

    shop.execute("UPDATE films SET name = 'Moon over Basil' WHERE no = 7")
    third = complete(settings)
    assert third.results["embed"].items_embedded == 1


def test_doing_a_finished_run_again_changes_nothing(finished: Finished) -> None:
    shop, settings, record = finished.shop, finished.settings, finished.run
    before = shop.lists()
    shop.execute("DELETE FROM views")
    again = complete(settings, record.key)
    assert again.run == record.run
    assert again.published_at == record.published_at
    assert shop.lists() == before


def test_a_dry_run_publishes_nothing_and_measures_every_channel(shop: Shop, configure: Callable[..., Settings]) -> None:
    settings = configure(ranking__target="next_item")
    migrate(settings)
    run = complete(settings, options=RunOptions(dry_run=True))
    assert run.state == "dry"
    assert shop.lists() == []
    assert shop.execute("SELECT count(*) FROM chatrec.run_checks")[0][0] > 5
    rows = shop.execute("SELECT model, metric, value FROM chatrec.run_metrics WHERE run = %s", (run.run,))
    found: dict[str, dict[str, float]] = {}
    for model, metric, value in rows:
        found.setdefault(model, {})[metric] = value
    assert {"ensemble", "item_knn", "popularity", "content_knn", "ease", "markov"} <= set(found)
    shown = ("coverage@10", "novelty@10", "gini@10", "diversity@10", "debiased ndcg@10")
    for model, values in found.items():
        assert set(shown) <= set(values), model
        if not model.startswith("cold items"):  # of them others are held out
            assert "ndcg@10 long histories" in values
            fitted = run.results["ensemble"]
            assert values["people"] == fitted.holdout_users
            assert 0 < values["users long histories"] <= fitted.holdout_users * fitted.holdout_windows
    assert found["popularity"]["gini@10"] > found["content_knn"]["gini@10"]


def test_a_failed_check_keeps_yesterdays_lists_until_the_settings_allow_it(finished: Finished) -> None:
    shop, settings, first = finished.shop, finished.settings, finished.run
    before = shop.lists()
    shop.execute("DELETE FROM customers WHERE no >= 5")
    with pytest.raises(RunStopped, match="users read: 5 in this run, 40 live"):
        complete(settings, "20270101T000000Z")
    assert shop.lists() == before
    (state, verdict) = shop.execute("SELECT state, verdict FROM chatrec.runs ORDER BY run DESC LIMIT 1")[0]
    assert state == "stopped"
    assert "checks.max_row_drop" in verdict
    assert shop.execute("SELECT run FROM chatrec.live_run") == [(first.run,)]

    record = complete(settings.override({"checks.max_row_drop": 1.0, "checks.max_quarantine": 1.0}), "20270101T000000Z")
    assert record.state == "published"
    assert len({row[0] for row in shop.lists()}) == 5


def test_an_older_snapshot_is_not_published_over_a_newer_one(finished: Finished) -> None:
    settings = finished.settings
    complete(settings, "20260301T000000Z", options=RunOptions(dry_run=True))
    complete(settings, "20260302T000000Z")
    with pytest.raises(RunStopped, match="20260302T000000Z is live and was read later"):
        complete(settings, "20260301T000000Z")


def test_a_run_needs_the_tables(settings: Settings, shop: Shop) -> None:
    from chatrec.errors import SettingsError

    with pytest.raises(SettingsError, match="chatrec db migrate"):
        complete(settings)


def test_keys_are_checked(settings: Settings, shop: Shop) -> None:
    migrate(settings)
    with pytest.raises(RunError, match="keys look like"):
        complete(settings, "yesterday")


def test_the_same_data_give_the_same_lists(finished: Finished) -> None:
    shop, settings = finished.shop, finished.settings
    first = shop.lists()
    complete(settings, options=RunOptions(full=True))
    assert shop.lists() == first


def test_a_run_has_one_engine_beside_those_of_the_source(finished: Finished) -> None:
    """Connections are named by the engine that opens them; the steps of a run share those of the run."""
    names: list[str] = []

    def note(connection: Any, _: object) -> None:
        names.append(connection.info.dsn_parameters["application_name"].partition(" (")[0])

    settings, key = finished.settings, "20260602T000000Z"
    event.listen(Pool, "connect", note)
    try:
        pipeline.run(settings, key, raise_on_error=True)
    finally:
        event.remove(Pool, "connect", note)
    assert set(names) == {"chatrec run", f"chatrec begin {key}", f"chatrec extract {key}"}
