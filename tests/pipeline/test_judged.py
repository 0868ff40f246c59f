"""Runs that have read too little stop before anything is trained on it, and the lists stay."""

from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import make_url

from chatrec.config import Settings
from chatrec.errors import RunStopped
from chatrec.pipeline import RunOptions
from chatrec.runs.run import Run
from tests.support.databases import connect
from tests.support.finished import FIRST, Finished, complete, migrate
from tests.support.shop import Shop

LATER = "20260602T000000Z"


@pytest.mark.parametrize(
    ("statement", "checks"),
    [
        ("TRUNCATE views", {
            "some interactions": "source.interactions gives no event (it selects no row)",
            "events read": "0 in this run, 468 live: +100.0% lost, 50% allowed (checks.max_row_drop)",
            "users with events": "0 in this run, 39 live: +100.0% lost",
        }),
        ("DELETE FROM views WHERE customer > 2", {
            "events read": "36 in this run, 468 live: +92.3% lost",
            "users with events": "3 in this run, 39 live: +92.3% lost",
        }),
        ("ALTER TABLE films RENAME TO films_2; CREATE TABLE films (LIKE films_2)", {
            "some items": "source.items gives no item (it selects no row)",
            "some interactions": "source.interactions gives no event (in quarantine: 468 rows of interactions (unknown",
            "events read": "0 in this run, 468 live",
            "users with events": "0 in this run, 39 live",
            "items read": "0 in this run, 60 live",
            "available items": "0 in this run, 60 live",
        }),
        pytest.param("UPDATE films SET in_stock = no < 20", {
            "available items": "20 in this run, 60 live: +66.7% lost",
        }, marks=pytest.mark.slow),
        pytest.param("UPDATE films SET plot = NULL", {
            "filled columns": "0% of source.items.plot in this run, 100% of source.items.plot live",
        }, marks=pytest.mark.slow),
    ],
    ids=["no events", "few events", "no items", "little in stock", "no texts"],
)  # fmt: skip
def test_a_night_that_read_too_little_changes_nothing(
    finished: Finished, statement: str, checks: dict[str, str]
) -> None:
    shop, settings = finished.shop, finished.settings
    before = shop.lists()
    shop.execute(statement)
    with pytest.raises(RunStopped) as stopped:
        complete(settings, LATER)
    assert stopped.value.step == "extract"
    assert shop.lists() == before
    assert shop.execute("SELECT state, verdict FROM chatrec.runs ORDER BY run DESC LIMIT 1") == [
        ("stopped", str(stopped.value))
    ]
    failed = dict(shop.execute("SELECT name, message FROM chatrec.run_checks WHERE NOT ok AND run <> 1"))
    assert failed.keys() == checks.keys()
    for name, words in checks.items():
        assert words in failed[name]
        assert f"{name}: {words}" in str(stopped.value)
    assert not (Run(settings.artifacts.root, LATER).folder / "encoder").exists()


@pytest.mark.parametrize(("table", "said"), [("films", "item"), ("customers", "user"), ("views", "event")])
def test_a_first_run_of_nothing_trains_nothing(
    shop: Shop, configure: Callable[..., Settings], table: str, said: str
) -> None:
    settings = configure()
    migrate(settings)
    shop.execute(f"TRUNCATE {table}")
    with pytest.raises(RunStopped, match=rf"source\.\w+ gives no {said} \(it selects no row\)"):
        complete(settings)
    assert not (settings.artifacts.root / "encoders").exists()
    assert shop.execute("SELECT state FROM chatrec.runs") == [("stopped",)]


def test_orders_that_row_level_security_hides_are_no_events(
    shop: Shop, configure: Callable[..., Settings], roles: None
) -> None:
    role = f"clerk_of_{make_url(shop.url).database}"
    shop.execute(f"CREATE ROLE {role} LOGIN; GRANT SELECT ON customers, films, views TO {role}")
    shop.execute("ALTER TABLE views ENABLE ROW LEVEL SECURITY")
    url = make_url(shop.url).set(username=role).render_as_string(hide_password=False)
    settings = configure(source__url=url)
    try:
        migrate(settings)
        with pytest.raises(RunStopped, match=r"source\.interactions gives no event .* which row-level security hides"):
            complete(settings)
    finally:
        with closing(connect(shop.url)) as connection, connection.cursor() as cursor:
            cursor.execute(f"DROP OWNED BY {role}; DROP ROLE {role}")


@pytest.mark.slow
def test_an_allowed_loss_is_published_and_not_asked_about_again(finished: Finished) -> None:
    shop, settings = finished.shop, finished.settings
    complete(settings)
    shop.execute("DELETE FROM views WHERE customer > 9")
    with pytest.raises(RunStopped, match="events read"):
        complete(settings)
    assert complete(settings.override({"checks.max_row_drop": 1.0})).state == "published"
    assert complete(settings).state == "published"


@pytest.mark.slow
def test_lists_are_compared_unless_their_settings_changed(finished: Finished) -> None:
    assert complete(finished.settings).results["gate"].list_change == 0
    finished.shop.execute("INSERT INTO views VALUES (3, 7, 'view', 1, '2026-02-27 12:00+00')")
    assert complete(finished.settings).results["gate"].list_change < 1
    assert complete(finished.settings.override({"ranking.top_n": 3})).results["gate"].list_change is None


@pytest.mark.slow
@pytest.mark.parametrize("table", ["tables/popular", "tables/similar_items", "tables/trending", "rank/user_groups"])
def test_no_table_is_published_with_a_wrong_number(finished: Finished, table: str) -> None:
    shop, settings = finished.shop, finished.settings
    before = shop.lists()
    complete(settings, LATER, RunOptions(dry_run=True))
    run = Run(settings.artifacts.root, LATER)
    file, name = run.folder / f"{table}.parquet", table.rpartition("/")[2]
    rows = pl.read_parquet(file)
    column = "attention" if name == "user_groups" else "score"
    file.unlink()  # the earlier run has the same file
    rows.with_columns(pl.lit(float("nan"), pl.Float32).alias(column)).write_parquet(file)
    (run.folder / "gate.json").unlink()
    with pytest.raises(RunStopped, match=rf"finite scores: {rows.height:,} numbers .* \({rows.height:,} of {name}\."):
        complete(settings, LATER)
    assert shop.lists() == before
    assert shop.execute("SELECT key FROM chatrec.live_run JOIN chatrec.runs USING (run)") == [(FIRST,)]


@pytest.mark.slow
def test_after_a_night_without_items_the_next_one_is_as_if_it_had_not_been(
    shop: Shop, configure: Callable[..., Settings], tmp_path: Path
) -> None:
    settings = configure()
    migrate(settings)
    shop.execute("CREATE TABLE later AS TABLE films; TRUNCATE films")
    with pytest.raises(RunStopped, match=r"source\.items gives no item"):
        complete(settings)
    shop.execute("INSERT INTO films TABLE later")
    after = complete(settings)
    assert after.results["encoder"].trained
    assert after.state == "published"


@pytest.mark.slow
def test_a_young_shop_whose_customers_ordered_once_gets_lists(shop: Shop, configure: Callable[..., Settings]) -> None:
    """No event can be held out, so the usual weights serve, and no check is out of reach."""
    shop.execute("TRUNCATE views, customers")
    shop.execute(
        "INSERT INTO films SELECT n, 'Oven ' || n, 'pasta ' || n, '{Kitchen}', true, now() "
        "FROM generate_series(100, 399) n"
    )
    shop.execute("INSERT INTO customers SELECT n, 30, 'Rome' FROM generate_series(1, 500) n")
    shop.execute(
        "INSERT INTO views SELECT no, CASE WHEN no <= 300 THEN 99 + no ELSE no * no % 40 END, 'order', 1, "
        "timestamptz '2026-01-01+00' + no * interval '1 hour' FROM customers"
    )
    settings = configure(checks__beats_baseline=True)
    migrate(settings)
    published = complete(settings)
    assert "no events could be held out" in published.verdict
    assert published.results["rank"].users_ensemble == 500
    assert shop.execute("SELECT count(DISTINCT item_id) FROM chatrec.recommendations")[0][0] > 180
