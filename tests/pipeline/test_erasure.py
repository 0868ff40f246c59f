"""An erased person is nowhere: not in a table, not in a file, and the runs go on."""

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from chatrec.config import Settings, load
from chatrec.db import engine as engines
from chatrec.db.lock import hold
from chatrec.encoder import registry
from chatrec.errors import Busy, RunError
from chatrec.extract.snapshot import Snapshot
from chatrec.pipeline import RunOptions, begin, erasure
from chatrec.pipeline.erasure import erase
from chatrec.pipeline.evaluation import evaluate
from chatrec.pipeline.finetune import finetune
from chatrec.runs.run import Run, using_snapshots
from tests.support import processes
from tests.support.finished import Finished, Scene, complete, migrate
from tests.support.shop import SELECTS, Shop

WHO = 771_923_405_516
TRACES = ("771923405516", "Xanthippopolis", "quokka umbrella")
"""The id, a word of the profile, what was searched for."""
SEARCHES = "SELECT customer AS user_id, words AS query, at AS occurred_at FROM searches"
TABLES = "SELECT c.oid::regclass::text FROM pg_class c WHERE relnamespace = 'chatrec'::regnamespace AND relkind = 'r'"


def add_person(shop: Shop) -> None:
    """One more user, of whom there is something of everything: also rows that break the contract."""
    shop.execute("CREATE TABLE searches (customer bigint, words text, at timestamptz)")
    shop.insert("customers", [(WHO, 33, TRACES[1]), (WHO, 34, TRACES[1])])
    shop.insert("views", [(WHO, film, "view", 1.0, f"2026-02-{film + 1:02} 10:00+00") for film in range(0, 27, 3)])
    shop.insert("views", [(WHO, 999, "view", 1.0, "2026-02-03 11:00+00")])
    searches = [(WHO, TRACES[2], "2026-02-27+00"), (WHO, " ", "2026-02-27+00"), (3, "rocket", "2026-02-27+00")]
    shop.insert("searches", searches)


CHANGES = {
    "source.queries": SEARCHES,
    "advanced.encoder.user_text": "read",
    "finetune.steps": 3,
    "advanced.finetune.pairs": 8,
}
PEOPLE = Scene("people", changes=CHANGES, more=add_person)


@pytest.fixture
def finished(server: str, server_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Finished]:
    """The shop with that person, after a published run."""
    monkeypatch.setenv("CHATREC_CONFIG", str(tmp_path / "chatrec.toml"))
    yield from PEOPLE.copy(server, server_folder, tmp_path)


@pytest.fixture
def shop(finished: Finished) -> Shop:
    return finished.shop


@pytest.fixture
def settings(finished: Finished) -> Settings:
    return finished.settings


def leave(shop: Shop) -> None:
    """The customer deletes the person."""
    for table, column in (("customers", "no"), ("views", "customer"), ("searches", "customer")):
        shop.execute(f"DELETE FROM {table} WHERE {column} = %s", (WHO,))


def found_in_tables(shop: Shop) -> set[str]:
    """Tables of the schema that have a trace in any column."""
    return {
        table
        for (table,) in shop.execute(TABLES)
        for trace in TRACES
        if shop.execute(f"SELECT 1 FROM {table} AS t WHERE t::text ILIKE %s LIMIT 1", (f"%{trace}%",))
        or (trace.isdigit() and shop.execute(f"SELECT 1 FROM {table} AS t WHERE t::text LIKE %s", (f"%{hex_of()}%",)))
    }


def hex_of() -> str:
    """The id as the bytes of a bytea column would show it."""
    return WHO.to_bytes(8, "little").hex()


def found_in_files(root: Path) -> set[str]:
    """Files that have a trace, as bytes or as what Parquet's compression hides."""
    return {
        file.relative_to(root).as_posix()
        for file in root.rglob("*")
        if file.is_file() and any(_is_in(part) for part in _readings(file))
    }


def _is_in(content: bytes) -> bool:
    return any(trace.lower().encode() in content.lower() for trace in TRACES) or WHO.to_bytes(8, "little") in content


def _readings(file: Path) -> Iterator[bytes]:
    yield file.read_bytes()
    if file.suffix == ".parquet":
        yield "\n".join(str(row) for row in pl.read_parquet(file).iter_rows()).encode()
    if file.suffix == ".npz":
        with np.load(file) as arrays:
            yield from (arrays[name].tobytes() for name in arrays.files)


def everything(settings: Settings) -> None:
    """A second run, an evaluation, a fine-tuning, and a run that was not published."""
    complete(settings, "20260602T000000Z", options=RunOptions(dry_run=True))
    complete(settings, "20260603T000000Z")
    evaluate(settings.override({"ranking.target": "next_item"}), None, lambda step, manifest: None)
    finetune(settings.override({"finetune.promote": False}), None, lambda step, manifest: None)


def test_nothing_is_left_and_nobody_else_is_touched(settings: Settings, shop: Shop, tmp_path: Path) -> None:
    root = settings.artifacts.root
    everything(settings)
    others = f"user_id <> {WHO}"
    before = shop.lists(others)
    last = Run(root, "20260603T000000Z")
    vectors = np.load(last.step_folder("embed") / "users.npy")
    events = Snapshot(last.step_folder("extract")).histories
    assert len(found_in_tables(shop)) >= 5  # lists and attention of two runs, quarantine
    assert {name.split("/")[0] for name in found_in_files(root)} >= {"events", "runs", "evaluations"}

    leave(shop)
    done = erase(settings, str(WHO))

    assert found_in_tables(shop) == set()
    assert found_in_files(root) == set()
    assert done.still_given == {}
    assert done.removed["recommendations"] == 10
    assert done.removed["interactions of snapshots"] == 18
    assert done.removed["queries of snapshots"] == 2
    assert done.removed["quarantine of snapshots"] == 6
    assert done.removed["quarantine"] == 6
    assert done.removed["days of events"] == 10
    assert done.removed["unpublished runs"] == 1
    assert {"vectors", "evaluations", "encoders", "step folders"} <= set(done.removed)
    assert shop.lists(others) == before
    assert shop.execute("SELECT count(*) FROM chatrec.recommendations WHERE user_id = %s", (WHO,)) == [(0,)]
    (record,) = shop.execute("SELECT finished_at IS NOT NULL, user_hash, removed, still_given FROM chatrec.erasures")
    assert record == (True, None, done.removed, {})

    after = Snapshot(last.step_folder("extract"))
    row = after.users["user_id"].null_count() and int(after.users["user_id"].is_null().arg_true()[0])
    assert after.users[row].row(0) == (None, None, None, None)
    assert after.histories.lengths[row] == 0
    assert np.delete(after.histories.lengths, row).tolist() == np.delete(events.lengths, row).tolist()
    found = np.load(last.step_folder("embed") / "users.npy")
    assert not found[row].any()
    assert (np.delete(found, row, 0) == np.delete(vectors, row, 0)).all()


def test_runs_evaluations_and_rollbacks_go_on(settings: Settings, shop: Shop) -> None:
    from chatrec.pipeline import rollback

    complete(settings, "20260602T000000Z")
    before = shop.lists(f"user_id <> {WHO}")
    leave(shop)
    erase(settings, str(WHO))
    assert rollback(settings, None) == "20260601T000000Z"
    assert shop.lists() == before
    evaluate(settings.override({"ranking.target": "next_item"}), None, lambda step, manifest: None)
    run = complete(settings, "20260603T000000Z")
    assert run.state == "published"
    assert run.results["extract"].days_read == 10
    assert run.results["embed"].texts_embedded == 0
    assert len(shop.lists()) == shop.users * 5
    assert found_in_tables(shop) == found_in_files(settings.artifacts.root) == set()


def test_who_is_still_given_comes_back_and_one_is_told(
    settings: Settings, shop: Shop, caplog: pytest.LogCaptureFixture
) -> None:
    done = erase(settings, str(WHO))
    assert done.still_given == {"users": 2, "interactions": 10, "queries": 2}
    assert "2 rows of source.users, 10 rows of source.interactions, 2 rows of source.queries" in caplog.text
    assert found_in_tables(shop) == set()
    complete(settings)
    assert found_in_tables(shop) != set()


class Killed(BaseException):
    """As a kill within this process."""


@pytest.mark.slow
def test_however_often_it_is_killed_it_is_finished_by_doing_it_again(
    settings: Settings, shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each attempt comes a little further; one of them is really killed."""
    leave(shop)
    for moment in ("erasures.remove_quarantined", "blank", "forget_texts", "erasures.finish"):
        with monkeypatch.context() as patched:
            patched.setattr(f"chatrec.pipeline.erasure.{moment}", _kill)
            with pytest.raises(Killed):
                erase(settings, str(WHO))
        if moment == "blank":
            assert processes.run(_erase_and_die).code == -signal.SIGKILL
            assert {name.split("/")[0] for name in found_in_files(settings.artifacts.root)} == {"events"}
    erase(settings, str(WHO))
    assert found_in_tables(shop) == found_in_files(settings.artifacts.root) == set()
    unfinished = shop.execute("SELECT finished_at IS NULL FROM chatrec.erasures ORDER BY erasure")
    assert unfinished == [(True,)] * 5 + [(False,)]
    assert complete(settings).state == "published"


def _kill(*_: Any) -> None:
    raise Killed


def _erase_and_die() -> None:
    """Before the days of events are removed."""
    erasure.remove_days = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
    erase(load(), str(WHO))


def test_not_beside_a_run_or_a_reader_of_snapshots(settings: Settings, shop: Shop) -> None:
    with (
        hold(engines.database(settings, "chatrec run of somebody"), "chatrec", "run"),
        pytest.raises(Busy, match="held by chatrec run of somebody"),
    ):
        erase(settings, str(WHO))
    with using_snapshots(settings.artifacts.root), pytest.raises(Busy, match="chatrec evaluate"):
        erase(settings, str(WHO))
    begin(settings, "20260602T000000Z", "airflow")
    with pytest.raises(Busy, match="Run 20260602T000000Z has not ended"):
        erase(settings, str(WHO))
    assert shop.execute("SELECT count(*) FROM chatrec.erasures") == [(0,)]


def test_the_record_says_who_it_was_to_whoever_has_the_key(settings: Settings, shop: Shop) -> None:
    import hashlib
    import hmac

    erase(settings.override({"erasure.key": "a long random text"}), f" {WHO}")
    ((user_hash,),) = shop.execute("SELECT user_hash FROM chatrec.erasures")
    assert user_hash == hmac.new(b"a long random text", str(WHO).encode(), hashlib.sha256).hexdigest()
    with pytest.raises(RunError, match="Invalid user id 'Jane': expected bigint"):
        erase(settings, "Jane")


@pytest.mark.parametrize("kind", ["uuid", pytest.param("text", marks=pytest.mark.slow)])
def test_ids_of_other_types(kind: str, database: str, configure: Callable[..., Settings]) -> None:
    """A uuid in any spelling, and a text."""
    shop = Shop(database)
    shop.create()
    add_person(shop)
    cast = "('6f1c0000-0000-4000-8000-' || lpad({}::text, 12, '0'))::uuid" if kind == "uuid" else "'u' || {}"
    selects = {
        name: SELECTS[name].replace(f"{column} AS user_id", f"{cast.format(column)} AS user_id")
        for name, column in (("users", "no"), ("interactions", "customer"))
    }
    settings = configure(**{f"source__{name}": select for name, select in selects.items()})
    migrate(settings)
    complete(settings)
    leave(shop)
    who = f"6F1C0000-0000-4000-8000-{WHO:012}" if kind == "uuid" else f"u{WHO}"
    assert found_in_tables(shop) | found_in_files(settings.artifacts.root)
    assert erase(settings, who).removed["recommendations"] == 5
    assert found_in_tables(shop) == found_in_files(settings.artifacts.root) == set()


@pytest.mark.slow
def test_an_encoder_that_learned_from_somebody_is_replaced(settings: Settings, shop: Shop) -> None:
    """The live one stays until the next fine-tuning, which begins without it and takes its place whatever the gain."""
    root, tuned = settings.artifacts.root, settings.override({"finetune.steps": 1})
    silent: Any = lambda step, manifest: None  # noqa: E731
    finetune(tuned.override({"finetune.promote": False}), None, silent)
    local, first = registry.versions(root)
    registry.promote(root, first.name)
    leave(shop)
    assert "encoders" not in erase(settings, str(WHO)).removed
    assert registry.live(root) == root / "encoders" / first.name
    complete(settings)
    done = finetune(tuned.override({"advanced.finetune.learning_rate": 0.001}), None, silent)
    assert done.promoted, done
    assert "the live encoder was trained on data of an erased user" in done.verdict
    assert [version.name for version in registry.versions(root)] != [local.name, first.name]
    live = registry.of(registry.live(root) or root)
    assert live
    assert live.start == str(root / "encoders" / local.name)
    assert first.name not in {version.name for version in registry.versions(root)}


def test_load_reads_the_key_from_the_environment(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHATREC_ERASURE__KEY", "secret")
    found = load()
    assert found.erasure.key == "secret"
    assert "secret" not in str(found.frozen())
