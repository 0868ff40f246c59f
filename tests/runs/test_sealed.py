"""Damage is found: of every artifact, whatever bit is flipped and wherever a file ends."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chatrec.runs.results import GroupsResult
from chatrec.runs.run import Manifest, Run
from chatrec.runs.sealed import (
    damaged_file,
    is_intact,
    read_json,
    recover_json,
    seal_folder,
    sealed,
    sealing,
    stored_in,
    write_json,
)

VALUES = {"nän": [1, 2.5, None, "运动"], "n": {"10": "a", "9": "b"}, "x": 1e308}
SAME_FOLDER = settings(suppress_health_check=[HealthCheck.function_scoped_fixture])


def flip(file: Path, at: int, bit: int = 6) -> None:
    data = bytearray(file.read_bytes())
    data[at % len(data)] ^= 1 << bit
    file.write_bytes(data)


@pytest.mark.parametrize("values", [{}, VALUES, {10: "ten", 9: "nine"}, {"a": float("inf")}, {"path": Path("x")}])
def test_json_comes_back(tmp_path: Path, values: dict[Any, Any]) -> None:
    write_json(tmp_path / "file.json", values)
    assert read_json(tmp_path / "file.json") == json.loads(json.dumps(values, default=str))


@SAME_FOLDER
@given(st.integers(0, 10_000), st.integers(0, 7))
def test_a_flipped_bit_of_json_is_found(tmp_path: Path, at: int, bit: int) -> None:
    file = tmp_path / "file.json"
    write_json(file, VALUES)
    flip(file, at, bit)
    assert recover_json(file) in (None, VALUES)  # what changed may be a blank between values


@pytest.mark.parametrize("data", [b"", b"{", b"null", b"[1]", b"{}", b"\xff\xfe", b"[" * 100_000, b'{"a": 1}'])
def test_what_is_no_json_counts_as_missing(tmp_path: Path, data: bytes, caplog: pytest.LogCaptureFixture) -> None:
    file = tmp_path / "file.json"
    file.write_bytes(data)
    assert recover_json(file) is None
    assert str(file) in caplog.text
    assert not file.exists()
    assert recover_json(file) is None


def test_a_folder_in_place_of_a_file_counts_as_missing(tmp_path: Path) -> None:
    (tmp_path / "file.json").mkdir()
    assert recover_json(tmp_path / "file.json") is None


@SAME_FOLDER
@given(st.integers(0, 300), st.sampled_from(["flip", "cut", "longer", "folder", "gone"]))
def test_a_damaged_sealed_file_counts_as_missing(tmp_path: Path, at: int, how: str) -> None:
    target = tmp_path / "2026-11-24.12.-34.parquet"
    with sealing(target) as partial:
        partial.write_bytes(bytes(range(256)))
    (file,) = stored_in(tmp_path)[target]
    assert sealed(target) == file
    match how:
        case "flip":
            flip(file, at)
        case "cut":
            file.write_bytes(file.read_bytes()[: at % 256])
        case "longer":
            file.write_bytes(file.read_bytes() + b"x")
        case _:
            file.unlink()
            if how == "folder":
                file.mkdir()
    assert sealed(target) is None
    assert not stored_in(tmp_path)


def test_a_sealed_file_replaces_its_earlier_contents_only(tmp_path: Path) -> None:
    for name, text in (("a.txt", "1"), ("a.b.txt", "2"), ("a.txt", "3")):
        with sealing(tmp_path / name) as partial:
            partial.write_text(text)
    found = [sealed(tmp_path / name) for name in ("a.txt", "a.b.txt")]
    assert [file.read_text() for file in found if file] == ["3", "2"]
    assert len(list(tmp_path.iterdir())) == 2


def test_two_swapped_files_are_damaged(tmp_path: Path) -> None:
    for name in ("a.txt", "b.txt"):
        with sealing(tmp_path / name) as partial:
            partial.write_text(name)
    one, two = (sealed(tmp_path / name) for name in ("a.txt", "b.txt"))
    assert one
    assert two
    one.write_text("b.txt")
    two.write_text("a.txt")
    assert not is_intact(one)
    assert not is_intact(two)


def test_a_file_of_a_folder_is_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).write_text(name)
    assert damaged_file(tmp_path) is None  # it was never sealed
    seal_folder(tmp_path)
    assert damaged_file(tmp_path) is None
    flip(tmp_path / "b", 0)
    assert damaged_file(tmp_path) == "b"
    flip(tmp_path / "b", 0)
    (tmp_path / "a").unlink()
    assert damaged_file(tmp_path) == "a"
    (tmp_path / "digests.json").write_text("{}")
    assert damaged_file(tmp_path) == "digests.json"


@pytest.mark.parametrize("damage", ["flip", "cut", "gone", "manifest"])
def test_a_step_with_a_damaged_file_has_not_happened(
    tmp_path: Path, damage: str, caplog: pytest.LogCaptureFixture
) -> None:
    run = Run(tmp_path, "20261124T020000Z")
    file = run.fresh_folder("groups") / "groups.parquet"
    file.write_bytes(bytes(range(100)))
    run.finish(Manifest("groups", "", GroupsResult(groups=1, memberships=1, source="kmeans")))
    assert run.intact("groups")
    match damage:
        case "flip":
            flip(file, 50)
        case "cut":
            file.write_bytes(b"")
        case "gone":
            file.unlink()
        case _:
            file = run.folder / "groups.json"
            file.write_text("")
    assert run.intact("groups") is None
    assert str(file) in caplog.text
    assert run.manifest("groups") is None


def test_files_that_are_being_changed_are_used_only_by_the_next_change(tmp_path: Path) -> None:
    run = Run(tmp_path, "20261124T020000Z")
    file = run.fresh_folder("groups") / "file"
    file.write_text("1")
    run.finish(Manifest("groups", "", GroupsResult(groups=1, memberships=1, source="kmeans")))
    with pytest.raises(IsADirectoryError), run.changing("groups", "embed"):
        (file.write_text("2"), tmp_path.write_text("fails"))
    assert run.intact("groups") is None
    assert run.erasable("groups")
    with run.changing("groups"):
        file.write_text("3")
    assert run.intact("groups")
