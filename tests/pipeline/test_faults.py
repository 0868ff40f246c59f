"""A night that is killed anywhere can be done again, and comes to the same lists."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from chatrec.db import engine as engines
from chatrec.db.lock import hold
from chatrec.errors import Busy
from chatrec.pipeline import STEPS
from chatrec.run import Run
from chatrec.settings import Settings, load
from tests.support.databases import new_database
from tests.support.kills import POINTS
from tests.support.nights import migrate, run
from tests.support.shop import Shop, write_settings

KEY = "20260601T020000Z"
MOMENTS = [f"{step.name}:{when}" for step in STEPS for when in ("start", "end")] + list(POINTS)


@pytest.fixture(scope="module")
def undisturbed(server: str, tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """What the night comes to when nobody kills it."""
    database = new_database(server)
    shop = Shop(next(database))
    shop.create()
    settings = load(write_settings(tmp_path_factory.mktemp("undisturbed"), shop.url, {}))
    migrate(settings)
    run(settings, KEY)
    lists = shop.lists()
    database.close()
    return lists


@pytest.fixture
def night(shop: Shop, configure: Callable[..., Settings]) -> Settings:
    settings = configure()
    migrate(settings)
    return settings


def kill_at(moment: str) -> None:
    command = [sys.executable, "-m", "tests.support.kills", KEY, moment]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL, done.stderr


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_killed_night_is_finished_by_doing_it_again(
    moment: str, night: Settings, shop: Shop, undisturbed: list[Any]
) -> None:
    kill_at(moment)
    before = shop.lists()
    assert before in ([], undisturbed)  # nothing, or all of it: never half a night
    record = run(night, KEY)
    assert record.state == "published"
    assert shop.lists() == undisturbed
    assert shop.execute("SELECT state, count(*) FROM chatrec.runs GROUP BY state") == [("published", 1)]
    assert shop.execute("SELECT count(*) FROM chatrec.run_steps WHERE state <> 'done'") == [(0,)]


def test_yesterdays_lists_stay_live_while_a_night_is_dead(night: Settings, shop: Shop) -> None:
    run(night, "20260531T020000Z")
    yesterday = shop.lists()
    kill_at("publish:drained")
    assert shop.lists() == yesterday


def test_a_night_interrupted_long_ago_is_not_gone_on_with(night: Settings, shop: Shop) -> None:
    """What it read is old: a new night takes its place, and the record says so."""
    from chatrec.pipeline import run_night

    kill_at("aigc:start")
    shop.execute("UPDATE chatrec.runs SET started_at = now() - interval '2 days'")
    assert run_night(night).key != KEY
    (verdict,) = shop.execute("SELECT verdict FROM chatrec.runs WHERE key = %s", (KEY,))[0]
    assert "a later run took its place" in verdict


def test_run_goes_on_with_the_interrupted_night(night: Settings, shop: Shop) -> None:
    """Without a key, `chatrec run` finishes what was begun."""
    from chatrec.pipeline import run_night

    kill_at("aigc:start")
    manifest = Run(night.artifacts.root, KEY).manifest("embed")
    record = run_night(night)
    assert record.key == KEY
    assert Run(night.artifacts.root, KEY).manifest("embed") == manifest


def test_two_nights_at_once_one_works_and_one_says_so(night: Settings, shop: Shop) -> None:
    with hold(engines.database(night, "chatrec run of somebody"), "chatrec", "night"):
        with pytest.raises(Busy, match="held by chatrec run of somebody"):
            run(night)
        assert shop.execute("SELECT count(*) FROM chatrec.runs") == [(0,)]
    assert run(night).state == "published"


def test_two_processes_at_once(night: Settings, shop: Shop) -> None:
    """Really two `chatrec run`: one publishes, the other exits with 1 and says who is at work."""
    command = [sys.executable, "-m", "chatrec", "run"]
    both = [
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=dict(os.environ))
        for _ in range(2)
    ]
    ended = [(process.communicate()[1], process.returncode) for process in both]
    assert sorted(code for _, code in ended) == [0, 1], ended
    (said,) = (text for text, code in ended if code)
    assert "The night lock of schema chatrec is held by chatrec run" in said
    assert len(shop.lists()) == 200
    assert shop.execute("SELECT count(*) FROM chatrec.runs") == [(1,)]


def every_user(rows: list[Any]) -> bool:
    return len(rows) == 40 * 5


BAD: dict[str, tuple[str, Callable[[list[Any]], bool]]] = {
    "no events at all": ("TRUNCATE views", lambda rows: {row[5] for row in rows} == {"popular"}),
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
    statement: str, good: Callable[[list[Any]], bool], night: Settings, shop: Shop
) -> None:
    shop.execute(statement)
    relaxed = night.override({"checks.max_quarantine": 1.0, "checks.max_fallback": 1.0})
    assert run(relaxed).state == "published"
    assert good(shop.lists())


def test_nobody_to_recommend_to_is_a_verdict(night: Settings, shop: Shop) -> None:
    from chatrec.errors import NightStopped

    shop.execute("TRUNCATE customers")
    with pytest.raises(NightStopped, match="some lists: 0 rows for 0 of 0 users"):
        run(night.override({"checks.max_quarantine": 1.0}))


def test_no_password_is_written_anywhere(night: Settings, shop: Shop, tmp_path: Path) -> None:
    """Not on the terminal, not among the files, not in the database."""
    url = shop.url.replace("postgres:@", "postgres:geheim@")
    environment = {**os.environ, "CHATREC_DATABASE__URL": url}
    for arguments in (["check"], ["run"], ["--debug", "run", "--top-n", "2000"], ["runs", "--json"]):
        command = [sys.executable, "-m", "chatrec", *arguments]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
        assert "geheim" not in done.stdout + done.stderr
    files = [file for file in (tmp_path / "artifacts").rglob("*") if file.is_file()]
    assert len(files) > 50
    assert not [file for file in files if b"geheim" in file.read_bytes()]
    for table in ("runs", "run_steps", "run_checks", "quarantine"):
        assert "geheim" not in str(shop.execute(f"SELECT * FROM chatrec.{table}"))
