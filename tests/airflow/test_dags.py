"""The DAGs: importable, light, wired as they should be, with the house's rules."""

import itertools
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
HEAVY = {"torch", "transformers", "tokenizers", "faiss", "polars", "pyarrow", "scipy"}
STRUCTURE = {
    "begin": {"extract", "language.encoder", "language.embed", "model.groups", "model.aigc", "model.ensemble",
              "model.index", "release.rank", "release.tables", "release.generate", "release.gate", "release.approve",
              "release.publish"},
    "extract": {"language.encoder"},
    "language.encoder": {"language.embed"},
    "language.embed": {"model.groups"},
    "model.groups": {"model.aigc"},
    "model.aigc": {"model.ensemble"},
    "model.ensemble": {"model.index"},
    "model.index": {"release.rank"},
    "release.rank": {"release.tables"},
    "release.tables": {"release.generate"},
    "release.generate": {"release.gate"},
    "release.gate": {"release.approve", "release.publish"},
    "release.approve": {"release.publish"},
    "release.publish": set(),
}  # fmt: skip


@pytest.fixture(scope="module")
def bag() -> Any:
    from airflow.dag_processing.dagbag import DagBag

    return DagBag(str(ROOT / "dags"))


def test_everything_is_imported(bag: Any) -> None:
    assert bag.import_errors == {}
    assert set(bag.dags) == {"chatrec_nightly", "chatrec_finetune", "chatrec_rollback", "chatrec_erase"}


def test_the_run_is_wired_in_the_order_of_its_steps(bag: Any) -> None:
    from chatrec.pipeline import STEPS

    dag = bag.dags["chatrec_nightly"]
    assert {task.task_id: set(task.downstream_task_ids) for task in dag.tasks} == STRUCTURE
    order = [task.task_id.rsplit(".", 1)[-1] for task in dag.topological_sort()]
    assert [name for name in order if name not in ("begin", "approve")] == [step.name for step in STEPS]


def test_a_fine_tuning_is_wired_in_the_order_of_its_steps(bag: Any) -> None:
    from chatrec.pipeline.finetune import STEPS

    dag = bag.dags["chatrec_finetune"]
    order = ["begin", *(step.name for step in STEPS)]
    assert [task.task_id for task in dag.topological_sort()] == order
    for before, after in itertools.pairwise(order):
        assert after in dag.get_task(before).downstream_task_ids
    assert dag.timetable.expression == "0 8 * * 6"
    assert dag.start_date is None
    assert {outlet.name for task in dag.tasks for outlet in task.outlets} == {"chatrec/encoder"}


def test_house_rules(bag: Any) -> None:
    pools = json.loads((ROOT / "config" / "pools.json").read_text())
    for dag in bag.dags.values():
        assert dag.doc_md
        assert dag.tags == {"chatrec"}
        assert dag.catchup is False
        assert dag.max_active_runs == 1
        for task in dag.tasks:
            assert task.owner == "chatrec"
            assert task.retries == 4
            assert task.retry_exponential_backoff
            assert task.execution_timeout or task.task_id == "release.approve"  # which has a deadline of its own
            assert task.pool == "default_pool" or task.pool in pools


def test_the_gpu_work_goes_to_the_gpu_queue(bag: Any) -> None:
    wanted = {
        "chatrec_nightly": {"language.encoder", "language.embed", "release.generate"},
        "chatrec_finetune": {"train", "embed"},
    }
    for name, tasks in wanted.items():
        dag = bag.dags[name]
        assert {task.task_id for task in dag.tasks if task.queue == "gpu"} == tasks
        assert {dag.get_task(task).pool for task in tasks} == {"gpu"}


def test_the_dag_runs_at_two_and_not_at_once(bag: Any) -> None:
    dag = bag.dags["chatrec_nightly"]
    assert dag.timetable.expression == "0 2 * * *"
    assert dag.start_date is None  # with one, unpausing would start a run for the last 02:00


@pytest.mark.parametrize("by", ["file", "environment"])
def test_the_schedule_is_a_setting(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    hourly = "5 * * * *"
    if by == "file":
        monkeypatch.setenv("CHATREC_CONFIG", str(ROOT / "examples" / "news" / "chatrec.toml"))
    else:
        monkeypatch.setenv("CHATREC_RUN__SCHEDULE", hourly)
    dag = DagBag(str(ROOT / "dags")).dags["chatrec_nightly"]
    assert dag.timetable.expression == hourly
    assert set(dag.params) == {"top_n", "group_source", "group_count", "encoder", "mode", "dry_run"}


def test_a_wrong_schedule_is_told_on_the_page_of_dags(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow.dag_processing.dagbag import DagBag

    monkeypatch.setenv("CHATREC_RUN__SCHEDULE", "hourly")
    (problem,) = DagBag(str(ROOT / "dags")).import_errors.values()
    assert "run.schedule" in problem


def test_a_run_cannot_be_backfilled(bag: Any) -> None:
    for name in ("chatrec_nightly", "chatrec_finetune"):
        assert {kind.value for kind in bag.dags[name].allowed_run_types} == {"scheduled", "manual"}


def test_lineage(bag: Any) -> None:
    dag = bag.dags["chatrec_nightly"]
    outlets = {outlet.name for task in dag.tasks for outlet in task.outlets}
    assert outlets == {"chatrec/snapshot", "chatrec/vectors", "chatrec/index", "chatrec/recommendations"}


def test_only_transient_errors_are_tried_again(bag: Any) -> None:
    from airflow.sdk import RetryAction

    from chatrec.errors import Busy, DatabaseUnavailable, RunStopped, SettingsError

    policy = bag.dags["chatrec_nightly"].get_task("extract").retry_policy
    for error, action in (
        (DatabaseUnavailable("down"), RetryAction.DEFAULT),
        (Busy("somebody"), RetryAction.DEFAULT),
        (SettingsError("wrong"), RetryAction.FAIL),
        (RunStopped("a check"), RetryAction.FAIL),
        (KeyError("a fault"), RetryAction.FAIL),
    ):
        assert policy.evaluate(error, 1, 4).action == action


def test_parsing_imports_nothing_heavy() -> None:
    code = (
        "import sys\nfrom airflow.dag_processing.dagbag import DagBag\n"
        f"bag = DagBag({str(ROOT / 'dags')!r})\nassert not bag.import_errors and len(bag.dags) == 4\n"
        f"print(sorted({HEAVY!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_dag_files_are_thin() -> None:
    for file in (ROOT / "dags").glob("*.py"):
        assert len(file.read_text().splitlines()) < 150


def test_the_plugins_folder_has_one_module_that_airflow_executes() -> None:
    """Airflow runs every discovered file under its bare name: `faiss.py` would replace faiss."""
    from airflow._shared.plugins_manager.plugins_manager import _load_plugins_from_plugin_directory

    found, errors = _load_plugins_from_plugin_directory(
        plugins_folder=str(ROOT / "plugins"), load_examples=False, ignore_file_syntax="glob"
    )
    assert errors == {}
    assert [plugin.name for plugin in found] == ["chatrec"]


def test_the_form_changes_the_settings(bag: Any) -> None:
    from chatrec_airflow.form import FORM, changes, options

    from chatrec.config import load
    from chatrec.pipeline import RunOptions

    empty = bag.dags["chatrec_nightly"].params.dump()
    assert set(empty) == set(FORM)
    assert empty["group_source"] == "configured"
    assert (changes(empty), options(empty)) == ({}, RunOptions())
    filled = {
        "top_n": 7, "group_source": "kmeans", "group_count": 12, "encoder": "gpt2", "mode": "full", "dry_run": True,
    }  # fmt: skip
    made = load().override(changes(filled))
    assert (made.ranking.top_n, made.groups.source, made.groups.count) == (7, "kmeans", 12)
    assert made.encoder.model == "gpt2"
    assert options(filled) == RunOptions(full=True, dry_run=True)


def test_the_form_of_a_fine_tuning_changes_the_settings(bag: Any) -> None:
    from chatrec_airflow.form import FINETUNE_FORM, finetune_changes

    from chatrec.config import load

    empty = bag.dags["chatrec_finetune"].params.dump()
    assert set(empty) == set(FINETUNE_FORM)
    assert finetune_changes(empty) == {}
    made = load().override(finetune_changes({"method": "lora", "steps": 7, "promote": False})).finetune
    assert (made.method, made.steps, made.promote) == ("lora", 7, False)
