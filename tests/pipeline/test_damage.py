"""Files that a power cut emptied, that rot or that are gone: they are made again, or the error names them."""

import os
import shutil
import signal
import stat
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from chatrec import pipeline
from chatrec.config import Settings, load
from chatrec.db import records
from chatrec.db.engine import open_database
from chatrec.encoder import registry
from chatrec.errors import ArtifactError
from chatrec.pipeline import STEPS, RunOptions
from chatrec.pipeline.context import Context
from chatrec.pipeline.erasure import erase
from chatrec.pipeline.evaluation import evaluate
from chatrec.pipeline.finetune import finetune
from chatrec.pipeline.step import Step
from chatrec.pipeline.step_cache import do
from chatrec.runs.results import StepResult
from chatrec.runs.run import Run
from tests.support import kills, processes
from tests.support.finished import FIRST, Finished, complete, recorded
from tests.support.power import Disk

SECOND, THIRD = "20260602T000000Z", "20260603T000000Z"


def unwatched(*_: object) -> None:
    """Watches nothing."""


def flip(data: bytes) -> bytes:
    at = len(data) * 2 // 3
    return data[:at] + bytes([data[at] ^ 0x40]) + data[at + 1 :]


DAMAGES: dict[str, Callable[[Path], object]] = {
    "flipped": lambda file: file.write_bytes(flip(file.read_bytes())),
    "empty": lambda file: file.write_bytes(b""),
    "cut off": lambda file: file.write_bytes(file.read_bytes()[:-9]),
    "gone": lambda file: file.unlink(),
}


def change(finished: Finished) -> None:
    """New events, and another text of each item."""
    finished.shop.execute(
        "INSERT INTO views SELECT customer, (film + 7) % 60, what, amount, at + interval '40 days' FROM views"
    )
    finished.shop.execute("UPDATE films SET plot = plot || ' and more'")


@pytest.mark.slow
def test_after_a_power_cut_everything_goes_on(finished: Finished, monkeypatch: pytest.MonkeyPatch) -> None:
    settings, shop = finished.settings, finished.shop
    root, disk, since = settings.artifacts.root, Disk.watch(monkeypatch), time.time()
    change(finished)
    complete(settings, SECOND)
    right = shop.lists()
    assert disk.cut(root, since) == set()
    written = [file for file in root.rglob("*") if file.is_file() and file.stat().st_mtime >= since]
    for file in written:
        file.write_bytes(b"")
    assert len(written) > 40
    assert complete(settings, THIRD).state == "published"
    assert shop.lists() == right
    for file in written:
        if file.exists():
            file.write_bytes(b"")
    assert complete(settings, options=RunOptions(full=True)).state == "published"
    assert shop.lists() == right
    evaluate(settings.override({"ranking.target": "next_item"}), None, unwatched)
    assert erase(settings, "3").removed["recommendations"]
    assert complete(settings).state == "published"


@pytest.mark.slow
@pytest.mark.parametrize(
    "pattern",
    [
        "events/*.parquet",
        "vectors/*/part-*.parquet",
        "encoders/*/model.safetensors",
        "encoders/*/tokenizer.json",
        "encoders/*/*ersion.json",
        "encoders/*/digests.json",
        "encoders/*.json",
        "runs/*/*.json",
        "runs/*/extract/*",
        "runs/*/aigc/*",
        "runs/*/ensemble/*.npy",
        "runs/*/rank/*",
    ],
)
def test_a_damaged_file_of_a_run_does_not_reach_the_next(finished: Finished, pattern: str, tmp_path: Path) -> None:
    settings, shop = finished.settings, finished.shop
    complete(settings, SECOND)
    root, right = settings.artifacts.root, shop.lists()
    good = tmp_path / "good"
    shutil.copytree(root, good)
    for name, damage in DAMAGES.items():
        shutil.rmtree(root)
        shutil.copytree(good, root)
        for file in root.glob(pattern):
            if file.is_file() and file.stat().st_size > 9:
                damage(file)
        assert complete(settings).state == "published"
        assert shop.lists() == right, name


@pytest.mark.slow
@pytest.mark.parametrize("step", ["extract", "embed", "aigc", "ensemble", "rank"])
def test_damage_between_two_tasks_of_a_run_is_repaired(finished: Finished, step: str) -> None:
    """As Airflow's tasks see it, each in a process of its own: the steps that need the file are done again."""
    settings, shop = finished.settings, finished.shop
    right = shop.lists()
    run = pipeline.begin(settings, SECOND, "airflow", RunOptions(full=True))
    names = [each.name for each in STEPS]
    after = names.index(step) + 2
    for name in names[:after]:
        pipeline.perform(settings, SECOND, name)
    for number, file in enumerate(file for file in sorted(run.step_folder(step).rglob("*")) if file.is_file()):
        list(DAMAGES.values())[number % len(DAMAGES)](file)
    for name in names[after:]:
        pipeline.perform(settings, SECOND, name)
    assert recorded(settings, SECOND).state == "published"
    assert shop.lists() == right


@pytest.mark.slow
def test_a_damaged_fine_tuned_encoder_is_named(finished: Finished) -> None:
    settings = finished.settings.override({"finetune.steps": 3, "advanced.finetune.pairs": 8, "finetune.promote": True})
    finetune(settings, None, unwatched)
    root = settings.artifacts.root / "encoders"
    (folder,) = root.glob("tuned-*")
    registry.promote(settings.artifacts.root, folder.name)
    DAMAGES["flipped"](folder / "model.safetensors")
    with pytest.raises(ArtifactError, match=r"model\.safetensors is damaged.*encoders use --back"):
        complete(settings)
    assert folder.exists()
    registry.rollback(settings.artifacts.root)
    assert complete(settings).state == "published"
    DAMAGES["empty"](root / "live.json")
    with pytest.raises(ArtifactError, match=r"live\.json is damaged.*chatrec encoders use"):
        complete(settings)


def test_what_a_run_writes_is_its_owners_alone(finished: Finished) -> None:
    root = finished.settings.artifacts.root
    files = [file for file in root.rglob("*") if file.is_file()]
    assert [file for file in files if stat.S_IMODE(file.stat().st_mode) != 0o600] == []
    steps = [
        folder for folder in (*root.glob("runs/*/*"), *root.glob("encoders/*"), root / "events") if folder.is_dir()
    ]
    assert {oct(stat.S_IMODE(folder.stat().st_mode)) for folder in steps} == {"0o700"}


def test_what_cannot_be_removed_does_not_fail_a_live_run(finished: Finished, caplog: pytest.LogCaptureFixture) -> None:
    """The files of an old run are damaged, and cannot be removed."""
    settings, root = finished.settings, finished.settings.artifacts.root
    (root / "runs" / FIRST / "extract.json").write_text("")
    old = root / "runs" / "20250101T000000Z"
    (old / "settings.json").mkdir(parents=True)
    shutil.copytree(root / "runs" / FIRST, root / "runs" / "20250102T000000Z")
    made = complete(settings.override({"publish.keep_runs": 1}), SECOND)
    assert made.state == "published"
    assert made.live
    assert old.exists()
    assert not (root / "runs" / "20250102T000000Z").exists()
    assert "20250101T000000Z" in caplog.text


def _blocked(context: Context) -> StepResult:
    (context.run.folder / "publish.json").mkdir()
    return StepResult()


@pytest.mark.parametrize("is_final", [True, False])
def test_only_a_step_that_took_effect_is_done_without_its_manifest(tmp_path: Path, is_final: bool) -> None:
    run = Run(tmp_path, FIRST)
    step = Step("publish", (), (), f"{__name__}:_blocked", "Publish", is_final=is_final)
    context = Context(run, Settings(), run.fresh_folder("publish"))
    if is_final:
        assert do(context, step, "").step == "publish"
    else:
        with pytest.raises(OSError, match="directory"):
            do(context, step, "")


def test_an_error_with_a_nul_byte_is_recorded(finished: Finished) -> None:
    with open_database(finished.settings, "chatrec test") as engine, engine.begin() as connection:
        run = records.open_run(connection, SECOND, "cli", {}).run
        records.step_begins(connection, run, "extract")
        records.step_ends(connection, run, "extract", "failed", 1.0, {"error": "a\0b \\ \ud800 ü"})
        records.end(connection, run, "failed", "a\0b \ud800 ü")
    made = recorded(finished.settings, SECOND)
    assert (made.state, made.verdict) == ("failed", "a?b ? ü")
    assert finished.shop.execute("SELECT counts ->> 'error' FROM chatrec.run_steps WHERE state = 'failed'") == [
        ("a?b \\ ? ü",)
    ]


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT])
def test_a_stopped_run_is_resumed(finished: Finished, number: signal.Signals) -> None:
    right = finished.shop.lists()
    ended = processes.run(_stopped_in_the_middle, int(number))
    assert ended.code == 128 + number
    assert "Completed work is kept" in ended.err
    state = "SELECT state FROM chatrec.runs ORDER BY run DESC LIMIT 1"
    assert finished.shop.execute(state) == [("running",)]
    assert not [path for path in finished.settings.artifacts.root.rglob(".*")]
    assert complete(load(), finished.shop.execute("SELECT max(key) FROM chatrec.runs")[0][0]).state == "published"
    assert finished.shop.lists() == right


def _stopped_in_the_middle(number: int) -> None:
    def stop(*_: object) -> None:
        os.kill(os.getpid(), number)
        time.sleep(60)

    kills.die = stop
    kills.before = lambda function: stop
    kills._arm("aigc:start")
    processes.chatrec("run", "--full")
