"""What a power cut leaves: every file that has its final name is on the disk with all of its bytes."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from chatrec.runs.files import hide, make_folder, remove_stale_partials, replacing, settle
from chatrec.runs.results import GroupsResult
from chatrec.runs.run import Manifest, Run
from chatrec.runs.sealed import seal, write_json
from tests.support.power import Disk


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> Disk:
    return Disk.watch(monkeypatch)


def test_a_file_that_was_replaced_is_whole_after_a_cut(tmp_path: Path, disk: Disk) -> None:
    (tmp_path / "careless").write_text("x" * 100)
    with replacing(tmp_path / "deep" / "file") as partial:
        partial.write_text("x" * 100)
    with replacing(tmp_path / "folder") as partial:
        (partial / "inner").mkdir(parents=True)
        (partial / "inner" / "file").write_text("x")
    write_json(tmp_path / "values.json", {"a": 1})
    assert disk.cut(tmp_path) == {"careless"}


def test_a_file_is_on_the_disk_before_it_has_its_name(tmp_path: Path, disk: Disk) -> None:
    with replacing(tmp_path / "file") as partial:
        partial.write_text("x")
        assert not disk.has(partial)
    before = disk.renamed[tmp_path / "file"]
    assert before.was_flushed
    assert disk.folder_flushed_after(tmp_path / "file")


def test_files_of_a_step_are_on_the_disk_before_its_manifest(tmp_path: Path, disk: Disk) -> None:
    run = Run(tmp_path, "20261124T020000Z")
    folder = run.fresh_folder("groups")
    (folder / "lists").mkdir()
    for name in ("one", "lists/two"):
        (folder / name).write_text(name)
    run.finish(Manifest("groups", "", GroupsResult(groups=1, memberships=1, source="kmeans")))
    manifest = tmp_path / "runs" / run.key / "groups.json"
    inodes = {(folder / name).stat().st_ino for name in ("one", "lists/two", "lists", ".")}
    assert disk.renamed[manifest].flushed >= inodes
    assert disk.cut(tmp_path) == set()
    assert run.intact("groups")


def test_many_files_are_sealed_at_once(tmp_path: Path, disk: Disk) -> None:
    written = {tmp_path / f"{day}.parquet": tmp_path / f".{day}.1" for day in range(20)}
    for partial in written.values():
        partial.write_text(partial.name)
    seal(tmp_path, written)
    assert disk.cut(tmp_path) == set()
    assert len(list(tmp_path.glob("[!.]*.parquet"))) == 20


@pytest.fixture
def open_to_all() -> Iterator[None]:
    """Files are open to all users unless they are closed."""
    mask = os.umask(0)
    yield
    os.umask(mask)


@pytest.mark.usefixtures("open_to_all")
def test_files_and_folders_are_their_owners_alone(tmp_path: Path) -> None:
    make_folder(tmp_path / "root")
    write_json(tmp_path / "root" / "runs" / "file.json", {})
    folder = tmp_path / "root" / "step"
    folder.mkdir(0o777)
    (folder / "file").write_text("x")
    settle(folder)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "root", folder, *folder.iterdir())}
    assert modes == {"root": 0o700, "step": 0o700, "file": 0o600}
    assert stat.S_IMODE((tmp_path / "root" / "runs" / "file.json").stat().st_mode) == 0o600


def test_a_damaged_file_stays_for_a_day(tmp_path: Path) -> None:
    damaged = tmp_path / "file"
    damaged.write_text("x")
    os.utime(damaged, (0, 0))
    aside = hide(damaged)
    assert not damaged.exists()
    remove_stale_partials(tmp_path)
    assert aside.exists()
    remove_stale_partials(tmp_path, seconds=0)
    assert not aside.exists()
    hide(damaged)  # another process was faster
