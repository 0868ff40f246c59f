"""The pages: closed to strangers, safe against what is in the data, and true to what is in the tables."""

import json
import re
import subprocess
import sys
from collections import Counter
from datetime import UTC, datetime
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import make_url

from chatrec.config import Settings, load
from chatrec.db import sql_files
from chatrec.db.erasures import hash_of
from chatrec.errors import ChatrecError
from chatrec.models.labels import label
from tests.support.finished import Finished, complete, migrate
from tests.support.shop import Shop, write_settings

ROOT = Path(__file__).parents[2]
ADDRESSES = (
    "recommendations",
    "recommendations?user=3",
    "runs",
    "dag_runs/chatrec_nightly/x",
    "audit",
    "pages.css",
)
HOSTILE = '<script>alert("1")</script>'
pytestmark = pytest.mark.usefixtures("metadata")


@pytest.fixture(scope="module")
def strangers(metadata: None) -> Any:
    """Airflow's own auth manager, with a token for whoever is asked for."""
    from airflow.api_fastapi.app import create_auth_manager
    from airflow.api_fastapi.auth.managers.simple.user import SimpleAuthManagerUser

    manager = create_auth_manager()
    return lambda role: {
        "Authorization": f"Bearer {manager.generate_jwt(SimpleAuthManagerUser(username='anna', role=role))}"
    }


def browser(settings: Settings, headers: dict[str, str]) -> Any:
    """The pages behind a path prefix, as Airflow mounts them."""
    from chatrec_airflow.pages.app import create
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    airflow = FastAPI()
    airflow.mount("/airflow/chatrec", create(lambda: settings))
    return TestClient(airflow, "http://testserver/airflow/chatrec/", headers=headers, follow_redirects=False)


@pytest.fixture(scope="module")
def runs(module_finished: Finished) -> tuple[Shop, Settings]:
    """Two runs; the titles of the second are an attack."""
    shop, settings = module_finished.shop, module_finished.settings
    shop.execute("UPDATE films SET name = name || %s", (HOSTILE,))
    shop.execute("INSERT INTO views VALUES (3, 1, %s, 1, now()), (3, NULL, 'view', 1, now())", (HOSTILE,))
    complete(settings.override({"ranking.top_n": 6}), "20260602T020000Z")
    return shop, settings


@pytest.fixture(scope="module")
def pages(runs: tuple[Shop, Settings], strangers: Any) -> Any:
    return browser(runs[1], strangers("user"))


def ask(pages: Any, user: str, run: str = "") -> Any:
    """The page of a user, as the form asks for it."""
    return pages.post("recommendations", data={"user": user, "run": run})


def words(answer: Any) -> str:
    """The text of a page, without its tags."""
    assert answer.status_code == 200, answer.text
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", answer.text)).split())


@pytest.mark.parametrize("address", ADDRESSES)
def test_a_stranger_gets_nothing(address: str, runs: tuple[Shop, Settings], strangers: Any) -> None:
    for headers in ({}, {"Authorization": "Bearer nonsense"}):
        answer = browser(runs[1], headers).get(address)
        assert answer.status_code in (401, 403)
        assert set(answer.json()) == {"detail"}
        assert len(answer.content) < 50
    assert browser(runs[1], {}).get(address).status_code == 401
    assert browser(runs[1], strangers(None)).get(address).status_code == 403  # may not see the DAG
    for name in ("docs", "openapi.json", "redoc", ""):
        assert browser(runs[1], strangers("viewer")).get(name).status_code == 404


@pytest.mark.parametrize("address", ["recommendations", "of a user", "runs", "audit", "pages.css", "nothing"])
def test_nothing_may_be_loaded_run_or_framed_but_here(address: str, pages: Any) -> None:
    answer = ask(pages, "3") if address == "of a user" else pages.get(address)
    policy = dict(part.strip().split(" ", 1) for part in answer.headers["content-security-policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["frame-ancestors"] == policy["style-src"] == policy["form-action"] == "'self'"
    assert "script-src" not in policy
    assert answer.headers["cache-control"] == "private, no-store"
    assert "<script" not in answer.text
    assert " style=" not in answer.text


def test_titles_cannot_attack(pages: Any) -> None:
    for answer in (ask(pages, "3", "20260601T000000Z"), ask(pages, HOSTILE), pages.get(f"runs?run={HOSTILE}")):
        text = answer.text
        assert "<script" not in text
        assert "&lt;script&gt;" in text


def test_links_are_relative(pages: Any) -> None:
    for answer in (ask(pages, "3"), *map(pages.get, ("recommendations", "runs", "audit"))):
        for link in re.findall(r'(?:href|action|src)="([^"]*)"', answer.text):
            assert re.match(r"#|[a-z]", link), link
            assert ":" not in link.split("?")[0]
            if not link.startswith("#"):
                assert pages.get(unescape(link)).status_code == 200, link


def test_a_users_page(runs: tuple[Shop, Settings], pages: Any) -> None:
    shop, _ = runs
    text = words(ask(pages, "3"))
    mine = shop.lists("user_id = 3")
    assert len(mine) == 6
    places = [text.index(title) for *_, title, _, _, _ in mine]
    assert places == sorted(places)
    for *_, source, _ in mine:
        assert label(source) in text
        assert "Why" in text
    because = {title for (title,) in shop.execute(
        "SELECT reason->>'because' FROM chatrec.recommendations WHERE user_id = 3 AND reason ? 'because'")}  # fmt: skip
    assert because
    assert all(title in text for title in because)
    for name, attention in shop.execute(
        "SELECT name, attention FROM chatrec.user_groups WHERE user_id = 3 ORDER BY rank"
    ):
        assert f"{name} {100 * attention:.1f} %" in text
    taken = shop.execute("SELECT name FROM views JOIN films ON film = no WHERE customer = 3 ORDER BY at DESC")
    history = text[text.index("History"):text.index("Attention")]  # fmt: skip
    assert {name: history.count(name) for (name,) in taken} == Counter(name for (name,) in taken)
    assert history.index(taken[1][0]) < history.index(taken[-1][0])


def test_two_runs_side_by_side(runs: tuple[Shop, Settings], pages: Any) -> None:
    shop, _ = runs
    text = words(ask(pages, "3", "20260601T000000Z"))
    before = dict(shop.execute("SELECT item_id, rank FROM chatrec.recommendations_at('20260601T000000Z') "
                               "WHERE user_id = 3"))  # fmt: skip
    now = {row[2]: row[1] for row in shop.lists("user_id = 3")}
    live, other = text.split("List of 20260601T000000Z")
    live = live.split("Live list")[1]
    assert live.count(" new Why") == len(now.keys() - before.keys()) >= 1
    assert other.count(" gone Why") == len(before.keys() - now.keys())
    moved = [before[item] - now[item] for item in now.keys() & before.keys()]
    for places in moved:
        assert places == 0 or f"{'up' if places > 0 else 'down'} {abs(places)} Why" in live


def test_users_are_found_by_how_their_id_begins(pages: Any) -> None:
    button = r'<button class="link" name="user" value="(\d+)">'
    for first in (pages.get("recommendations"), ask(pages, "")):
        assert re.findall(button, first.text) == sorted(map(str, range(40)))[:12]
    text = ask(pages, " 3 ").text
    assert "<h1>User 3</h1>" in text
    assert re.findall(button, text) == [str(user) for user in range(30, 40)]
    for nobody in ("99", "3%", "_", "\\", "' OR 1=1 --", "x" * 200):
        assert "No user id begins with" in unescape(ask(pages, nobody).text)
    assert ask(pages, "x" * 201).status_code == 422


def test_an_address_has_no_id_of_a_user_and_each_look_up_is_logged(
    runs: tuple[Shop, Settings], strangers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    """Access logs have addresses, and outlive an erasure."""
    keyed = browser(runs[1].override({"erasure.key": "k" * 32}), strangers("user"))
    with caplog.at_level("INFO", "chatrec.audit"):
        assert "<h1>User 3</h1>" not in keyed.get("recommendations?user=3").text
        assert "<h1>User 3</h1>" in ask(keyed, "3").text
    (line,) = [record.getMessage() for record in caplog.records if record.name == "chatrec.audit"]
    assert line == f"anna looked up a user; HMAC of the id: {hash_of('3', 'k' * 32)}."
    for answer in (keyed.get("recommendations"), ask(keyed, "3")):
        assert not re.search(r'(?:href|action)="[^"]*user=', answer.text)
        assert 'method="get"' not in answer.text


@pytest.mark.parametrize(
    ("people", "role", "status"),
    [
        ("edit", "viewer", 403),
        ("edit", "user", 200),
        ("read", "viewer", 200),
        ("off", "admin", 403),
    ],
)
def test_who_may_see_users(people: str, role: str, status: int, runs: tuple[Shop, Settings], strangers: Any) -> None:
    seen = browser(runs[1].override({"pages.people": people}), strangers(role))
    for answer in (seen.get("recommendations"), ask(seen, "3")):
        assert answer.status_code == status
        assert ("pages.people" in answer.text) == (status == 403)
        assert ('name="user"' in answer.text) == (status == 200)
    assert seen.get("runs").status_code == seen.get("audit").status_code == 200


def test_the_error_of_a_run_is_for_those_who_may_edit(runs: tuple[Shop, Settings], strangers: Any) -> None:
    shop, settings = runs
    shop.execute(
        "INSERT INTO chatrec.runs (key, state, started_by, settings, verdict, started_at) "
        "VALUES ('20260101T000000Z', 'failed', 'test', '{}', 'The database of secret-host', '2026-01-01');"
        "INSERT INTO chatrec.run_steps SELECT run, 'extract', 'failed', now(), 1, %s FROM chatrec.runs "
        "WHERE key = '20260101T000000Z'",
        (json.dumps({"error": "user secret-role"}),),
    )
    for role, shown in (("viewer", 0), ("user", 2)):
        text = words(browser(settings, strangers(role)).get("runs?run=20260101T000000Z"))
        assert (text.count("secret-"), text.count("who may edit")) == (shown, 2 - shown)
    shop.execute("DELETE FROM chatrec.runs WHERE key = '20260101T000000Z'")


def test_an_error_names_no_host_and_no_role(
    runs: tuple[Shop, Settings], strangers: Any, caplog: pytest.LogCaptureFixture
) -> None:
    for url in ("postgresql://secret_role@127.0.0.1:9/nothing", "postgresql://secret_role@secret-host.invalid/nothing"):
        answer = browser(runs[1].override({"pages.url": url}), strangers("viewer")).get("runs")
        assert answer.status_code == 503
        assert "The database of pages.url cannot be read now" in answer.text
        assert not [word for word in ("secret", "127.0.0.1", "nothing") if word in answer.text]
        assert "secret_role" in caplog.text


def test_a_search_uses_the_index(runs: tuple[Shop, Settings]) -> None:
    shop, _ = runs
    plan = shop.execute(
        "SET enable_seqscan = off; EXPLAIN SELECT user_id::text FROM chatrec.recommendations_kept WHERE run = 2 "
        'AND rank = 1 AND (user_id::text) COLLATE "C" LIKE \'3%\' ORDER BY (user_id::text) COLLATE "C" LIMIT 12'
    )
    lines = "\n".join(line for (line,) in plan)
    assert re.search(r"Index Scan using recommendations_r2_user_id\w*_idx", lines), lines
    assert "Index Cond" in lines
    assert "Sort" not in lines


def test_a_history_that_cannot_be_read_hides_nothing_else(runs: tuple[Shop, Settings], strangers: Any) -> None:
    _, settings = runs
    broken = settings.override({"source.interactions": "SELECT user_id, item_id, occurred_at FROM nowhere"})
    text = words(ask(browser(broken, strangers("user")), "3"))
    assert 'relation "nowhere" does not exist' in text
    assert "Live list 1 " in text


def test_a_history_without_times_is_shown(runs: tuple[Shop, Settings], strangers: Any) -> None:
    shop, settings = runs
    untimed = settings.override({"source.interactions": "SELECT customer AS user_id, film AS item_id FROM views"})
    text = words(ask(browser(untimed, strangers("user")), "3"))
    history = text[text.index("History") : text.index("Attention")]
    taken = shop.execute("SELECT name FROM views JOIN films ON film = no WHERE customer = 3")
    assert {name: history.count(name) for (name,) in taken} == Counter(name for (name,) in taken)


def test_the_page_of_a_run(runs: tuple[Shop, Settings], pages: Any) -> None:
    shop, _ = runs
    text = words(pages.get("runs"))
    assert "Run 20260602T020000Z published, live All" in text
    checks = shop.execute("SELECT name, message FROM chatrec.run_checks WHERE run = 2")
    assert len(checks) >= 10
    for name, message in checks:
        assert f"passed {name} " in text
        assert message in text
    for relation, reason, rows in shop.execute(
        "SELECT relation, reason, count(*) FROM chatrec.quarantine WHERE run = 2 GROUP BY 1, 2"
    ):
        assert f"{relation} {reason} {rows}" in text
    for title in ("Read users, items and events", "Embed texts with GPT-2", "Publish"):
        assert re.search(rf"{title} [\d.]+ s", text), title
    assert "Read 40 users 60 items" in text
    assert "Quarantined 1 quarantined" in text
    value = shop.execute("SELECT value FROM chatrec.run_metrics WHERE run = 2 AND model = 'ensemble' "
                         "AND metric = 'ndcg@10'")[0][0]  # fmt: skip
    assert f"ndcg@10 {value:.4f}" in text
    assert "ndcg@10 over 2 runs" in pages.get("runs").text
    assert "Run 20260601T000000Z" in words(pages.get("runs?run=20260601T000000Z"))
    assert "There is no run nothing" in pages.get("runs?run=nothing").text


def test_the_tab_of_a_dag_run(runs: tuple[Shop, Settings], pages: Any) -> None:
    """Airflow knows the run by its id, chatrec by the time that it stands for."""
    from airflow.models.dag import DagModel, DagTag  # noqa: TID251
    from airflow.models.dagbundle import DagBundleModel  # noqa: TID251
    from airflow.models.dagrun import DagRun  # noqa: TID251
    from airflow.utils.session import create_session
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    with create_session() as session:
        session.merge(DagBundleModel(name="tested"))
        session.flush()
        for dag, tags in (("chatrec_tested", ["chatrec"]), ("weather", ["other"])):
            session.merge(
                DagModel(dag_id=dag, bundle_name="tested", tags=[DagTag(name=tag, dag_id=dag) for tag in tags])
            )
            session.flush()
            for hour in (2, 3):
                begun = datetime(2026, 6, 2, hour, tzinfo=UTC)
                session.add(
                    DagRun(dag_id=dag, run_id=f"scheduled__{begun.isoformat()}", run_type=DagRunType.SCHEDULED,
                           run_after=begun, triggered_by=DagRunTriggeredByType.TEST)
                )  # fmt: skip
    run = pages.get("dag_runs/chatrec_tested/scheduled__2026-06-02T02%3A00%3A00%2B00%3A00")
    assert "Run 20260602T020000Z" in words(run)
    for link in re.findall(r'(?:href|action)="([^"#]+)"', run.text):
        assert link.startswith("../../")
        assert pages.get(f"dag_runs/x/{link}".replace("dag_runs/x/../../", "")).status_code == 200
    assert "has not started" in words(pages.get("dag_runs/chatrec_tested/scheduled__2026-06-02T03:00:00+00:00"))
    for other in ("weather/scheduled__2026-06-02T02:00:00+00:00", "chatrec_tested/nothing"):
        answer = pages.get(f"dag_runs/{other}")
        assert answer.status_code == 404
        assert "not a run of chatrec" in answer.text


def test_fairness_and_privacy_show_what_is_there(database: str, tmp_path: Path, strangers: Any) -> None:
    """Whatever columns the audit has; an installation without it is told so."""
    shop = Shop(database)
    audit = browser(load(write_settings(tmp_path, database, {})), strangers("viewer"))
    assert words(audit.get("audit")).count(", or no run has been published since") == 3
    shop.execute("CREATE SCHEMA chatrec; CREATE TABLE chatrec.exposure (provider text, merit_share float8, met bool)")
    shop.execute("INSERT INTO chatrec.exposure VALUES (%s, 0.25, true)", (HOSTILE,))
    shop.execute("CREATE TABLE chatrec.privacy_ledger (made_at timestamptz, epsilon float8)")
    shop.execute("INSERT INTO chatrec.privacy_ledger VALUES ('2026-01-01', 1), ('2026-02-01', 2)")
    answer = audit.get("audit")
    text = words(answer)
    assert "provider merit share met" in text
    assert f"{HOSTILE} 0.25 yes" in text
    assert text.index("2026-02-01") < text.index("2026-01-01")
    assert text.count(", or no run has been published since") == 1
    assert "<script" not in answer.text


def test_before_the_first_run(shop: Shop, settings: Settings, strangers: Any) -> None:
    empty = browser(settings, strangers("user"))
    for address in ("recommendations", "runs"):
        answer = empty.get(address)
        assert answer.status_code == 503
        assert "chatrec db migrate" in answer.text
    migrate(settings)
    assert "No run has been published yet" in words(empty.get("recommendations?user=3"))
    assert "There are no runs yet" in words(empty.get("runs"))


def test_the_pages_can_change_nothing(runs: tuple[Shop, Settings]) -> None:
    from chatrec_airflow.pages.reader import Reader
    from sqlalchemy import text

    reader = Reader(lambda: runs[1])
    for place in (reader.chatrec, reader.source):
        with pytest.raises(ChatrecError) as caught, place() as connection:
            connection.execute(text("DELETE FROM chatrec.quarantine"))
        assert "read-only transaction" in str(caught.value.__cause__)


@pytest.mark.usefixtures("roles")
def test_a_reader_sees_all_of_it(runs: tuple[Shop, Settings], strangers: Any) -> None:
    """With `pages.url` the pages need no more than `chatrec db roles` grants, and SELECT on the events."""
    shop, settings = runs
    names = {"schema": "chatrec"} | {f"schema_{name}": f"chatrec_{name}" for name in ("reader", "writer", "limited")}
    shop.execute("SET search_path = chatrec; " + sql_files.read("roles.sql", names))
    shop.execute("CREATE ROLE pages_reader LOGIN IN ROLE chatrec_reader")
    url = make_url(shop.url).set(username="pages_reader").render_as_string(hide_password=False)
    limited = browser(settings.override({"pages.url": url}), strangers("user"))
    assert "permission denied for table views" in words(ask(limited, "3"))
    shop.execute("GRANT SELECT ON views TO pages_reader")
    try:
        unlimited = browser(settings, strangers("user"))
        assert ask(limited, "3", "20260601T000000Z").text == ask(unlimited, "3", "20260601T000000Z").text
        assert limited.get("runs").text == unlimited.get("runs").text
    finally:
        shop.execute("DROP OWNED BY pages_reader; DROP ROLE pages_reader")


def test_the_plugin_costs_other_processes_nothing() -> None:
    code = (
        f"import sys\nsys.path.insert(0, {str(ROOT / 'plugins')!r})\nimport chatrec_plugin\n"
        "assert [view['destination'] for view in chatrec_plugin.ChatrecPlugin.external_views]\n"
        "print(sorted({'torch', 'transformers', 'faiss', 'polars', 'fastapi', 'sqlalchemy', 'chatrec'} "
        "& set(sys.modules) - set(before)))"
    ).replace("import sys\n", "import sys\nimport airflow.plugins_manager\nbefore = set(sys.modules)\n")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
