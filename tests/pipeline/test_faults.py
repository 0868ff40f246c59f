"""A run that is killed anywhere can be done again, and comes to the same lists."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from chatrec import pipeline
from chatrec.config import Settings, load
from chatrec.db import engine as engines
from chatrec.db.lock import hold
from chatrec.errors import Busy, RunStopped
from chatrec.pipeline import STEPS
from chatrec.runs.digests import digest_of
from chatrec.runs.run import Run
from tests.support import processes
from tests.support.databases import new_database
from tests.support.finished import Finished, complete, migrate
from tests.support.kills import KEY, kill_at, moments
from tests.support.secrets import files_with, parts_in, tables_with
from tests.support.shop import Shop, write_settings

LEARNS = {"aigc.minutes": 10}


@pytest.fixture
def prepared(settings: Settings) -> Settings:
    migrate(settings)
    return settings


@pytest.fixture
def undisturbed(server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Shop, Settings]]:
    """What a run that learns comes to when nobody kills it."""
    for url in new_database(server):
        shop = Shop(url)
        shop.create()
        settings = load(write_settings(tmp_path_factory.mktemp("undisturbed"), url, LEARNS))
        migrate(settings)
        complete(settings, KEY)
        yield shop, settings


def files(settings: Settings) -> dict[str, str]:
    """The digest of what each step wrote; the snapshot holds when it was taken."""
    made = Run(settings.artifacts.root, KEY)
    return {step.name: digest_of(made.step_folder(step.name)) for step in STEPS if step.name != "extract"}


def test_a_run_killed_at_every_moment_comes_to_the_same_bytes(
    shop: Shop, configure: Callable[..., Settings], undisturbed: tuple[Shop, Settings]
) -> None:
    """It is killed at each moment in turn, and done again until the next."""
    expected = undisturbed[0].lists()
    settings = configure(aigc__minutes=10)
    migrate(settings)
    for moment in moments():
        kill_at(moment)
        assert shop.lists() in ([], expected), moment  # nothing, or all of it: never half a run
    assert complete(settings, KEY).state == "published"
    assert shop.lists() == expected
    assert files(settings) == files(undisturbed[1])
    assert shop.execute("SELECT state, count(*) FROM chatrec.runs GROUP BY state") == [("published", 1)]
    assert shop.execute("SELECT count(*) FROM chatrec.run_steps WHERE state <> 'done'") == [(0,)]


def test_yesterdays_lists_stay_live_while_a_run_is_dead(finished: Finished) -> None:
    shop = finished.shop
    yesterday = shop.lists()
    shop.execute("UPDATE films SET in_stock = false WHERE no < 30")
    kill_at("publish:drained")
    assert shop.lists() == yesterday
    assert complete(finished.settings, KEY).state == "published"
    assert shop.lists() != yesterday


@pytest.mark.parametrize("age", ["-2 days", pytest.param("2 days", marks=pytest.mark.slow)])
def test_a_run_interrupted_long_ago_is_not_gone_on_with(age: str, prepared: Settings, shop: Shop) -> None:
    """What it read is old, or the clock was wrong: a new run takes its place, and the record says so."""
    kill_at("aigc:start")
    shop.execute(f"UPDATE chatrec.runs SET started_at = now() + interval '{age}'")
    assert pipeline.run(prepared).key != KEY
    (verdict,) = shop.execute("SELECT verdict FROM chatrec.runs WHERE key = %s", (KEY,))[0]
    assert "a later run took its place" in verdict


def test_run_goes_on_with_the_interrupted_run(prepared: Settings, shop: Shop) -> None:
    """Without a key, `chatrec run` finishes what was begun."""
    kill_at("aigc:start")
    manifest = Run(prepared.artifacts.root, KEY).manifest("embed")
    result = pipeline.run(prepared)
    assert (result.key, result.error) == (KEY, None)
    assert Run(prepared.artifacts.root, KEY).manifest("embed") == manifest


def test_two_runs_at_once_one_works_and_one_says_so(prepared: Settings, shop: Shop) -> None:
    with hold(engines.database(prepared, "chatrec run of somebody"), "chatrec", "run"):
        with pytest.raises(Busy, match="held by chatrec run of somebody"):
            complete(prepared)
        assert shop.execute("SELECT count(*) FROM chatrec.runs") == [(0,)]
    assert complete(prepared).state == "published"


def test_two_processes_at_once(prepared: Settings, shop: Shop) -> None:
    """Really two `chatrec run`: one publishes, the other exits with 1 and says who is at work."""
    both = [processes.start(processes.chatrec, "run") for _ in range(2)]
    ended = [process.wait() for process in both]
    assert sorted(each.code for each in ended) == [0, 1], ended
    (said,) = (each.err for each in ended if each.code)
    assert "The run lock of schema chatrec is held by chatrec run" in said
    assert len(shop.lists()) == 200
    assert shop.execute("SELECT count(*) FROM chatrec.runs") == [(1,)]


def every_user(rows: list[Any]) -> bool:
    return len(rows) == 40 * 5


BAD: dict[str, tuple[str, Callable[[list[Any]], bool]]] = {
    "no events at all, as allowed": ("TRUNCATE views", lambda rows: {row[5] for row in rows} == {"popular"}),
    "an item without text": ("UPDATE films SET name = NULL, plot = '', kinds = '{}' WHERE no < 3", every_user),
    "a text of a megabyte": ("UPDATE films SET plot = repeat('moon ', 200000) WHERE no = 0", every_user),
    "Chinese and emoji": (
        "UPDATE films SET name = '运动鞋 👟' || no",
        lambda rows: every_user(rows) and all(row[3].startswith("运动鞋 👟") for row in rows),
    ),
    "duplicate ids": ("INSERT INTO films SELECT * FROM films", every_user),
    "one item": (
        "DELETE FROM films WHERE no > 0; DELETE FROM views WHERE film > 0 OR customer < 20",
        lambda rows: len(rows) >= 20 and {row[2] for row in rows} == {0},
    ),
    "a user with 50,000 events": (
        "INSERT INTO views SELECT 1, n % 60, 'view', 1, '2026-01-01+00'::timestamptz + n * interval '1 second' "
        "FROM generate_series(1, 50000) n",
        lambda rows: {row[0] for row in rows} == set(range(40)) - {1},  # this user had everything
    ),
    "no categories": ("UPDATE films SET kinds = NULL", every_user),
    "nothing is known of users": ("UPDATE customers SET age = NULL, town = NULL", every_user),
}


@pytest.mark.parametrize(("statement", "good"), BAD.values(), ids=BAD)
def test_odd_data_give_sensible_lists(
    statement: str, good: Callable[[list[Any]], bool], prepared: Settings, shop: Shop
) -> None:
    shop.execute(statement)
    relaxed = prepared.override({"checks.max_quarantine": 1.0, "checks.max_fallback": 1.0, "checks.max_row_drop": 1.0})
    assert complete(relaxed).state == "published"
    assert good(shop.lists())


def test_nobody_to_recommend_to_is_a_verdict(prepared: Settings, shop: Shop) -> None:
    shop.execute("TRUNCATE customers")
    with pytest.raises(RunStopped, match=r"source\.users gives no user"):
        complete(prepared.override({"checks.max_quarantine": 1.0}))


def test_no_password_is_written_anywhere(prepared: Settings, shop: Shop, tmp_path: Path) -> None:
    """Not on the terminal, not among the files, not in the database."""
    secret = "ge heim/nis"
    at = make_url(shop.url)
    url = at.set(password=secret).update_query_dict({"sslpassword": secret}).render_as_string(hide_password=False)
    environment = {**os.environ, "CHATREC_DATABASE__URL": url}
    for arguments in (["check"], ["run"], ["--debug", "run", "--top-n", "2000"], ["runs", "--json"]):
        done = processes.run(processes.chatrec, *arguments, environment=environment)
        assert not parts_in(secret, done.out + done.err)
    assert len([file for file in (tmp_path / "artifacts").rglob("*") if file.is_file()]) > 50
    assert files_with(secret, tmp_path / "artifacts") == []
    assert tables_with(secret, shop.url) == []
