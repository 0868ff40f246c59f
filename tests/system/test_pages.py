"""The pages in a real browser inside a real Airflow, and a run that waits for approval.

Makes the screenshots of docs/howto/pages.md. Needs a chromium, such as Debian's.
"""

import json
import shutil
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from chatrec.db import embedded
from tests.support.shop import SELECTS, Shop
from tests.support.standalone import SMALL, Airflow, standalone

pytestmark = pytest.mark.system
IMAGES = Path(__file__).parents[2] / "docs" / "images"
DESKTOP, PHONE = {"width": 1200, "height": 850}, {"width": 390, "height": 844}
WAITS = {"CHATREC_CHECKS__WARN_ROW_DROP": "0.1", "CHATREC_PUBLISH__APPROVAL": "on_warning"}
AT_ONCE_SECONDS = 4
"""Airflow 3.3 loses an answer that comes within about a second of the question."""
Up = tuple[Airflow, Shop, str, str, Path]


@pytest.fixture(scope="module")
def messages() -> Iterator[tuple[list[str], str]]:
    """What is posted to a webhook, and its address."""
    said: list[str] = []

    class Hook(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            said.append(json.loads(self.rfile.read(int(self.headers["Content-Length"])))["text"])
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    server = HTTPServer(("127.0.0.1", 0), Hook)
    Thread(target=server.serve_forever, daemon=True).start()
    yield said, f"http://127.0.0.1:{server.server_port}/hook"
    server.shutdown()


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory, messages: tuple[list[str], str]) -> Iterator[Up]:
    """Airflow with one run that is published and one that waits: the addresses of their runs, and its folder."""
    folder = tmp_path_factory.mktemp("up")
    shop = Shop(embedded.start(folder / "postgres"), users=200, items=90)
    shop.create()
    selects = {f"CHATREC_SOURCE__{name.upper()}": select for name, select in SELECTS.items()}
    wait_for_hours(folder, 4)
    selects["CHATREC_CONFIG"] = str(folder / "chatrec.toml")
    hook = {"AIRFLOW_CONN_CHATREC_NOTIFY": json.dumps({"conn_type": "http", "host": messages[1]})}
    with standalone(folder, {**SMALL, **selects, **WAITS}, hook) as (_, airflow):
        published = airflow.trigger("chatrec_nightly")
        assert set(airflow.end_of(published).values()) == {"success"}
        waiting = airflow.trigger("chatrec_nightly", top_n=8)
        airflow.wait(lambda: state(airflow, waiting, "release.approve") == "awaiting_input")
        yield airflow, shop, published, waiting, folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium")
    if not chromium:
        pytest.skip("there is no chromium: apt-get install chromium")
    with api.sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()


@pytest.fixture
def look(browser: Any, up: Up) -> Iterator[Callable[..., Any]]:
    """Opens an address of Airflow as somebody who is logged in."""
    contexts = []

    def at(path: str, viewport: dict[str, int] = DESKTOP, scheme: str = "light") -> Any:
        context = browser.new_context(viewport=viewport, color_scheme=scheme, device_scale_factor=1)
        context.add_cookies([{"name": "_token", "value": up[0].token, "url": up[0].address}])
        contexts.append(context)
        page = context.new_page()
        page.goto(up[0].address + path)
        return page

    yield at
    for context in contexts:
        context.close()


def wait_for_hours(folder: Path, hours: float) -> None:
    (folder / "chatrec.toml").write_text(f"[publish]\napproval_hours = {hours}\n")


def state(airflow: Airflow, run: str, task: str) -> str | None:
    found: str | None = airflow.call("GET", f"{run}/taskInstances/{task}")["state"]
    return found


def answer(airflow: Airflow, run: str, option: str) -> None:
    """Answers until the answer is taken: a busy scheduler may lose one, and then asks again."""
    body = {"chosen_options": [option], "params_input": {}}

    def taken() -> bool:
        found = state(airflow, run, "release.approve")
        if found == "awaiting_input":
            time.sleep(AT_ONCE_SECONDS)
            with suppress(urllib.error.HTTPError):  # it was answered already
                airflow.call("PATCH", f"{run}/taskInstances/release.approve/-1/hitlDetails", body)
        return found == "success"

    airflow.wait(taken)


def tab_of(run: str) -> str:
    """The tab of a DAG run in Airflow's web UI."""
    dag, run_id = run.removeprefix("/api/v2/dags/").split("/dagRuns/")
    return f"/dags/{dag}/runs/{urllib.parse.quote(run_id, safe='')}/plugin/chatrec-dag-runs"


def inside(page: Any) -> Any:
    """The page within Airflow's frame."""
    page.wait_for_selector("iframe")
    return page.frame_locator("iframe")


def test_a_stranger_gets_nothing(up: Up) -> None:
    for page in ("recommendations?user=12", "runs", "audit", "pages.css", "dag_runs/chatrec_nightly/x"):
        with pytest.raises(urllib.error.HTTPError) as refused:
            urllib.request.urlopen(f"{up[0].address}/chatrec/{page}", timeout=30)
        assert refused.value.code == 401
        assert json.load(refused.value) == {"detail": "Not authenticated"}


@pytest.mark.parametrize("viewport", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("address", ["recommendations", "a user", "runs", "audit"])
def test_anybody_can_use_it(
    address: str, scheme: str, viewport: dict[str, int], look: Callable[..., Any], up: Up
) -> None:
    """No serious finding of axe-core, and nothing wider than the screen."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-playwright-python is not installed")
    page = look(f"/chatrec/{'recommendations' if address == 'a user' else address}", viewport, scheme)
    if address == "a user":
        ask(page, "12")
    for each in page.locator("details").all():
        each.evaluate("details => details.open = true")
    page.wait_for_load_state("networkidle")
    found = axe.Axe().run(page).response["violations"]
    assert [(each["id"], each["nodes"][0]["html"]) for each in found if each["impact"] in ("serious", "critical")] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= viewport["width"]


def ask(page: Any, user: str, run: str = "") -> None:
    """Looks up a user in the form of the page."""
    page.get_by_role("searchbox").fill(user)
    page.get_by_role("combobox").select_option(run)
    page.get_by_role("button", name="Show").click()
    page.get_by_role("heading", name=f"User {user}", exact=True).wait_for()


def test_a_user_is_found_by_keyboard(look: Callable[..., Any], up: Up) -> None:
    page = look("/plugin/chatrec-recommendations")
    frame = inside(page)
    box = frame.get_by_role("searchbox")
    box.wait_for()
    box.focus()
    page.keyboard.type("12")
    page.keyboard.press("Enter")
    frame.get_by_role("heading", name="User 12", exact=True).wait_for()
    first = up[1].lists("user_id = 12")[0][3]
    live = frame.get_by_role("heading", name="Live list").locator("..")
    assert first in live.locator("li").first.inner_text()
    frame.get_by_text("Why").first.focus()
    page.keyboard.press("Enter")
    assert frame.get_by_text("Contributions to the score").first.is_visible()


def test_the_run_has_a_tab(look: Callable[..., Any], up: Up) -> None:
    page = look(tab_of(up[2]))
    inside(page).get_by_text("published, live").first.wait_for()


def test_nothing_runs_scripts_or_breaks_the_policy(look: Callable[..., Any]) -> None:
    page = look("/chatrec/runs")
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.reload()
    assert page.locator("script").count() == 0
    assert [each for each in complaints if "Policy" in each] == []


def test_a_run_that_warns_waits_and_is_approved_over_rest(
    look: Callable[..., Any], up: Up, messages: tuple[list[str], str]
) -> None:
    airflow, shop, _, waiting, folder = up
    assert len(shop.lists()) == 2000
    page = look(tab_of(waiting))
    inside(page).get_by_text("waits for approval").first.wait_for()
    open_questions = airflow.call("GET", "/api/v2/dags/~/dagRuns/~/hitlDetails?state=awaiting_input")["hitl_details"]
    assert len(open_questions) == 1
    assert "rows against the live run: 1,600 in this run, 2,000 live" in open_questions[0]["body"]
    (said,) = messages[0]
    assert "Publish the recommendations of" in said
    assert said.endswith("/tasks/release.approve/required_actions")
    page.goto(said.split()[-1])
    page.get_by_role("button", name="Approve").wait_for()
    picture(page, "approval")

    answer(airflow, waiting, "Approve")
    assert set(airflow.end_of(waiting).values()) == {"success"}
    assert len(shop.lists()) == 1600
    latest = "SELECT state, approval, approval_by FROM chatrec.runs ORDER BY run DESC LIMIT 1"
    assert shop.execute(latest) == [("published", "approved", "admin")]

    rejected = airflow.trigger("chatrec_nightly", top_n=5)
    answer(airflow, rejected, "Reject")
    assert airflow.end_of(rejected)["release.publish"] == "skipped"
    assert len(shop.lists()) == 1600
    assert shop.execute(latest) == [("stopped", "rejected", "admin")]

    wait_for_hours(folder, 0.002)
    assert airflow.run("chatrec_nightly", top_n=5)["release.publish"] == "skipped"
    assert len(shop.lists()) == 1600
    assert shop.execute(latest) == [("stopped", "rejected", "timeout: no answer in time")]


def test_screenshots(look: Callable[..., Any], up: Up) -> None:
    """For docs/howto/pages.md."""
    earlier = up[1].execute("SELECT key FROM chatrec.runs WHERE kept ORDER BY run LIMIT 1")[0][0]
    for name, path, viewport, scheme in (
        ("recommendations", "/chatrec/recommendations", DESKTOP, "light"),
        ("recommendations-phone", "/chatrec/recommendations", PHONE, "dark"),
        ("run-phone", f"/chatrec/runs?run={earlier}", PHONE, "light"),
    ):
        page = look(path, viewport, scheme)
        if path.endswith("recommendations"):
            ask(page, "12", earlier)
        with suppress(IndexError):
            page.locator(".list details").all()[0].evaluate("details => details.open = true")
        picture(page, name)
    page = look(tab_of(up[2]), {"width": 1400, "height": 900})
    inside(page).get_by_text("published").first.wait_for()
    page.wait_for_timeout(1000)
    picture(page, "run")
    page = look(tab_of(up[2]).removesuffix("/plugin/chatrec-dag-runs"), {"width": 1400, "height": 900})
    page.get_by_text("publish").first.wait_for()
    page.wait_for_timeout(1000)
    page.screenshot(path=IMAGES / "airflow.png")


def picture(page: Any, name: str) -> None:
    page.screenshot(path=IMAGES / f"pages-{name}.png")
