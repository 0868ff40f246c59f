"""Whole runs under a real Airflow, on a real PostgreSQL."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from chatrec.config import Settings
from chatrec.pipeline import RunOptions
from chatrec.runs.digests import digest_of
from chatrec.runs.run import Run, runs_under
from tests.support.dagruns import states
from tests.support.finished import Finished, complete, migrate
from tests.support.shop import Shop

pytestmark = pytest.mark.usefixtures("metadata")


def test_a_run_is_published_and_the_command_line_gives_the_same_to_the_byte(
    dag_run: Callable[..., Any], shop: Shop, configure: Callable[..., Settings]
) -> None:
    """With a net that learns."""
    settings = configure(aigc__minutes=10)
    migrate(settings)
    found = dag_run(top_n=3)
    assert str(found.state) == "success"
    assert len(shop.lists()) == 40 * 3
    assert shop.execute("SELECT state, started_by FROM chatrec.runs") == [("published", "airflow")]
    measured = {model for (model,) in shop.execute("SELECT model FROM chatrec.run_metrics WHERE metric = 'ndcg@10'")}
    assert {"ensemble", "aigc", "popularity"} <= measured

    by_airflow = shop.lists()
    (first,) = runs_under(settings.artifacts.root)
    completed = complete(settings.override({"ranking.top_n": 3}), options=RunOptions(full=True))
    second = Run(settings.artifacts.root, completed.key)
    assert shop.lists() == by_airflow
    for step in ("embed", "groups", "aigc", "ensemble", "index", "rank"):
        assert digest_of(first.step_folder(step)) == digest_of(second.step_folder(step)), step
    for name in ("users.parquet", "items.parquet", "interactions.parquet"):
        one, two = (made.step_folder("extract") / name for made in (first, second))
        assert one.read_bytes() == two.read_bytes()


def test_a_dry_run_skips_the_publish_and_the_database_may_come_from_a_connection(
    dag_run: Callable[..., Any], shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    migrate(settings)
    text = (tmp_path / "chatrec.toml").read_text()
    without = "\n".join(line for line in text.splitlines() if not line.startswith("url = "))
    (tmp_path / "chatrec.toml").write_text(without)
    at = make_url(shop.url)
    fields = {"conn_type": "postgres", "login": at.username, "host": at.query["host"], "schema": at.database}
    monkeypatch.setenv("AIRFLOW_CONN_CHATREC_DB", json.dumps({**fields, "extra": "{}"}))  # as Airflow's form makes it
    found = dag_run(dry_run=True)
    assert str(found.state) == "success"
    assert states(found)["release.publish"] == "skipped"
    assert shop.execute("SELECT state FROM chatrec.runs") == [("dry",)]
    assert shop.lists() == []


@pytest.mark.parametrize(
    ("customers", "step", "why"),
    [
        pytest.param("no > 3", "extract", "users read: 4 in this run, 40 live", marks=pytest.mark.slow),
        ("no > 39", "release.gate", "coverage: "),
    ],
    ids=["what was read", "lists"],
)
def test_a_failed_check_fails_the_dag_without_a_second_try(
    dag_run: Callable[..., Any],
    finished: Finished,
    monkeypatch: pytest.MonkeyPatch,
    customers: str,
    step: str,
    why: str,
) -> None:
    shop = finished.shop
    before = shop.lists()
    shop.execute(f"DELETE FROM customers WHERE {customers}")
    monkeypatch.setenv("CHATREC_CHECKS__MIN_COVERAGE", "1")
    found = dag_run()
    assert str(found.state) == "failed"
    assert states(found)[step] == "failed"
    assert states(found)["release.publish"] == "upstream_failed"
    assert shop.lists() == before
    (row,) = shop.execute("SELECT state, verdict FROM chatrec.runs WHERE started_by = 'airflow'")
    assert row[0] == "stopped"
    assert why in row[1]


def test_a_fault_is_recorded_with_the_run(
    dag_run: Callable[..., Any], shop: Shop, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate(settings)
    monkeypatch.setenv("CHATREC_TEXT__ITEM", "{{ titel }}")
    found = dag_run()
    assert str(found.state) == "failed"
    (row,) = shop.execute("SELECT state, verdict FROM chatrec.runs")
    assert row[0] == "failed"
    assert "language.encoder: text.item fails: 'titel' is undefined" in row[1]


def test_rollback(dag_run: Callable[..., Any], finished: Finished) -> None:
    complete(finished.settings.override({"ranking.top_n": 3}))
    assert str(dag_run("chatrec_rollback").state) == "success"
    assert finished.shop.execute("SELECT run FROM chatrec.live_run") == [(finished.run.run,)]
    assert str(dag_run("chatrec_rollback", run="20200101T000000Z").state) == "failed"
