"""Runs and their files: nothing is seen half-written."""

import os
import time
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest

from chatrec.errors import RunError
from chatrec.runs.digests import digest_of, fingerprint
from chatrec.runs.files import remove_stale_partials, replacing
from chatrec.runs.results import GroupsResult
from chatrec.runs.run import Manifest, Run, key_of, runs_under


def test_keys_sort_like_time() -> None:
    moments = [datetime(2026, 11, 24, 2, 0, tzinfo=UTC) + timedelta(hours=7 * n) for n in range(5)]
    keys = [key_of(moment) for moment in moments]
    assert keys[0] == "20261124T020000Z"
    assert keys == sorted(keys)
    assert key_of(moments[0].astimezone(timezone(timedelta(hours=8)))) == keys[0]


NO_DATES = ("٢٠٢٦١١٢٤T020000Z", "20261399T020000Z", "20261124T250000Z", "00000000T000000Z", "20261124T020060Z")


@pytest.mark.parametrize("key", ["", "yesterday", "2026-11-24", "../../etc", "20261124T020000Z/x", *NO_DATES])
def test_other_keys_are_refused(tmp_path: Path, key: str) -> None:
    with pytest.raises(RunError, match="keys look like 20261124T020000Z"):
        Run(tmp_path, key)


def test_folders_of_other_names_are_not_runs(tmp_path: Path) -> None:
    for name in (*NO_DATES, "20261124T020000Z"):
        (tmp_path / "runs" / name).mkdir(parents=True)
    assert [run.key for run in runs_under(tmp_path)] == ["20261124T020000Z"]


def test_a_manifest_comes_back(tmp_path: Path) -> None:
    run = Run(tmp_path, "20261124T020000Z")
    assert run.manifest("groups") is None
    result = GroupsResult(groups=3, memberships=5, source="运动")
    manifest = run.finish(Manifest("groups", "in", result, "2026", 1.5))
    assert manifest.result == result
    assert run.manifest("groups") == manifest
    run.fresh_folder("groups")
    assert run.manifest("groups") is None
    assert [found.key for found in runs_under(tmp_path)] == [run.key]
    run.remove()
    assert runs_under(tmp_path) == []


def test_a_file_is_replaced_only_when_it_is_whole(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(IsADirectoryError), replacing(target) as partial:
        (partial.write_text("half"), tmp_path.write_text("fails"))
    assert target.read_text() == "old"
    with replacing(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old"
    assert target.read_text() == "new"
    assert list(tmp_path.iterdir()) == [target]


def test_a_folder_that_is_there_is_kept(tmp_path: Path) -> None:
    for content in ("first", "second"):
        with replacing(tmp_path / "folder") as partial:
            partial.mkdir()
            (partial / "file").write_text(content)
    assert (tmp_path / "folder" / "file").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["folder"]


def test_what_was_left_half_written_goes_when_it_is_old(tmp_path: Path) -> None:
    old, new, other = tmp_path / ".day.parquet.123", tmp_path / ".day.parquet.124", tmp_path / ".keep"
    for file in (old, new, other):
        file.write_text("")
    long_ago = time.time() - 2 * 24 * 3600
    os.utime(old, (long_ago, long_ago))
    os.utime(other, (long_ago, long_ago))
    remove_stale_partials(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == [".day.parquet.124", ".keep"]


def test_digests_know_names_and_bytes(tmp_path: Path) -> None:
    (tmp_path / "a").write_text("1")
    one = digest_of(tmp_path)
    (tmp_path / "a").rename(tmp_path / "b")
    two = digest_of(tmp_path)
    (tmp_path / "b").write_text("2")
    assert len({one, two, digest_of(tmp_path)}) == 3
    assert fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1}) != fingerprint({"a": 1, "b": 3})
