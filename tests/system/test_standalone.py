"""`chatrec up` for real: Airflow's own processes, a run triggered over REST, and nothing left behind."""

import signal
import subprocess
from collections.abc import Iterator
from typing import Any

import psutil
import pytest

from chatrec.db import embedded
from chatrec.pipeline import STEPS
from tests.support.shop import SELECTS, Shop
from tests.support.standalone import SMALL, Airflow, standalone

pytestmark = pytest.mark.system


@pytest.fixture(scope="module")
def up(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[subprocess.Popen[str], Airflow, Shop]]:
    folder = tmp_path_factory.mktemp("up")
    shop = Shop(embedded.start(folder / "postgres"))
    shop.create()
    selects = {f"CHATREC_SOURCE__{name.upper()}": select for name, select in SELECTS.items()}
    with standalone(folder, {**SMALL, **selects}) as (process, airflow):
        yield process, airflow, shop


def test_a_run_and_a_rollback_over_rest(up: tuple[Any, Airflow, Shop]) -> None:
    _, airflow, shop = up
    dags = {dag["dag_id"]: dag["is_paused"] for dag in airflow.call("GET", "/api/v2/dags")["dags"]}
    assert dags == dict.fromkeys(["chatrec_nightly", "chatrec_finetune", "chatrec_rollback", "chatrec_erase"], False)
    assert airflow.call("GET", "/api/v2/importErrors")["total_entries"] == 0
    assert airflow.call("GET", "/api/v2/dagWarnings")["total_entries"] == 0
    form = airflow.call("GET", "/api/v2/dags/chatrec_nightly/details")["params"]
    assert set(form) == {"top_n", "group_source", "group_count", "encoder", "mode", "dry_run"}

    states = airflow.run("chatrec_nightly", top_n=4)
    assert set(states.values()) == {"success"}
    assert len(states) == len(["begin", "approve"]) + len(STEPS)
    assert len(shop.lists()) == 160
    events = airflow.call("GET", "/api/v2/assets/events")["asset_events"]
    published = next(event["extra"] for event in events if "rows" in event["extra"])
    assert published["rows"] == 160
    assert {"aigc", "ensemble", "popularity"} <= set(published["metrics"])

    assert set(airflow.run("chatrec_nightly").values()) == {"success"}
    assert len(shop.lists()) == 400
    assert airflow.run("chatrec_rollback") == {"rollback": "success"}
    assert len(shop.lists()) == 160


def test_ctrl_c_stops_all_of_it(up: tuple[subprocess.Popen[str], Airflow, Shop]) -> None:
    process, _, _ = up
    family = psutil.Process(process.pid).children(recursive=True)
    assert len(family) > 5
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=60)
    assert process.returncode == 0
    gone, alive = psutil.wait_procs(family, timeout=20)
    assert [each for each in alive if "postgres" not in each.name()] == []
    assert gone
