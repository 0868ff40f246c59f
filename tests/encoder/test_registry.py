"""Versions of encoders: one is live, going back is one step, and what is old is removed with its vectors."""

from pathlib import Path

import pytest

from chatrec.encoder import registry
from chatrec.errors import ArtifactError, RunError


def make(root: Path, name: str, how: str = "full") -> Path:
    folder = root / registry.FOLDER / name
    with registry.creating(folder, how, "somewhere/start", how != "local", {"steps": 3}) as partial:
        (partial / "config.json").write_text(f'{{"name": "{name}"}}')
    (root / "vectors" / f"of-{name}").mkdir(parents=True)
    registry.record(folder, {"ndcg@10": 0.5}, f"of-{name}")
    return folder


def test_nothing_is_live_until_one_is_promoted(tmp_path: Path) -> None:
    assert registry.live(tmp_path) is None
    assert registry.versions(tmp_path) == []
    with pytest.raises(RunError, match="no encoder to go back to"):
        registry.rollback(tmp_path)


def test_there_and_back(tmp_path: Path) -> None:
    one, two = make(tmp_path, "one"), make(tmp_path, "two")
    assert registry.promote(tmp_path, "one") == registry.live(tmp_path) == one
    registry.promote(tmp_path, "two")
    registry.promote(tmp_path, "two")
    assert registry.live(tmp_path) == two
    assert registry.rollback(tmp_path) == registry.live(tmp_path) == one
    assert registry.rollback(tmp_path) is None
    assert registry.live(tmp_path) is None


def test_a_version_says_how_it_was_made(tmp_path: Path) -> None:
    make(tmp_path, "one", "lora")
    registry.record(tmp_path / registry.FOLDER / "one", {"gain": [0.1, 0.0, 0.2]})
    (found,) = registry.versions(tmp_path)
    assert (found.name, found.how, found.start, found.facts) == ("one", "lora", "somewhere/start", {"steps": 3})
    assert found.scores == {"ndcg@10": 0.5, "gain": [0.1, 0.0, 0.2]}
    assert (found.vectors, found.pretrained) == ("of-one", True)
    assert registry.of(tmp_path / registry.FOLDER / "one") == found
    assert registry.of(tmp_path) is None


def test_what_is_not_there_or_was_changed_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path, "one")
    with pytest.raises(RunError, match=r"no encoder 'two' .* There are: one"):
        registry.promote(tmp_path, "two")
    (folder / "config.json").write_text("{}")
    with pytest.raises(RunError, match="not those that were saved"):
        registry.promote(tmp_path, "one")
    assert registry.live(tmp_path) is None


def test_a_live_encoder_that_is_gone_is_an_error_and_one_can_go_back(tmp_path: Path) -> None:
    make(tmp_path, "one")
    registry.promote(tmp_path, "one")
    (tmp_path / registry.FOLDER / "one" / "config.json").unlink()
    with pytest.raises(RunError, match="is gone"):
        registry.live(tmp_path)
    assert registry.rollback(tmp_path) is None


@pytest.mark.parametrize("file", ["config.json", registry.VERSION, "digests.json"])
def test_a_damaged_encoder_is_set_aside_unless_it_was_fine_tuned(tmp_path: Path, file: str) -> None:
    local, tuned = make(tmp_path, "local-1", "local"), make(tmp_path, "tuned-1")
    for folder in (local, tuned):
        registry.check_files(tmp_path, folder)
        (folder / file).write_bytes(b"")
    registry.check_files(tmp_path, local)
    assert not local.exists()
    with pytest.raises(ArtifactError, match=rf"{file} is damaged: .* `chatrec encoders use --back`"):
        registry.check_files(tmp_path, tuned)
    assert tuned.exists()


def test_models_elsewhere_are_not_checked(tmp_path: Path) -> None:
    (tmp_path / "gpt2").mkdir()
    for source in (tmp_path / "gpt2", "gpt2", tmp_path / registry.FOLDER / "none"):
        registry.check_files(tmp_path, source)


def test_a_damaged_record_of_the_live_one_is_named_and_made_again_by_a_choice(tmp_path: Path) -> None:
    one, two = make(tmp_path, "one"), make(tmp_path, "two")
    registry.promote(tmp_path, "one")
    (tmp_path / registry.FOLDER / registry.LIVE).write_text("{}")
    with pytest.raises(ArtifactError, match=r"live\.json is damaged .* `chatrec encoders use`"):
        registry.live(tmp_path)
    assert registry.promote(tmp_path, "two") == registry.live(tmp_path) == two
    (one / registry.VERSION).write_text("")
    assert [version.name for version in registry.versions(tmp_path)] == ["two"]


def test_a_damaged_record_of_an_erasure_counts_for_all_encoders_so_far(tmp_path: Path) -> None:
    folder = make(tmp_path, "one")
    assert not registry.trained_on_erased(tmp_path, folder)
    (tmp_path / registry.FOLDER / registry.ERASED).write_text("")
    assert registry.trained_on_erased(tmp_path, folder)
    assert registry.trained_on_erased(tmp_path, folder)


def test_what_is_old_is_removed_with_its_vectors(tmp_path: Path) -> None:
    make(tmp_path, "local-1", "local")
    for name in ("a", "b", "c", "d", "e"):
        make(tmp_path, name)
    registry.promote(tmp_path, "a")
    registry.promote(tmp_path, "b")
    registry.promote(tmp_path, "c")
    assert registry.prune(tmp_path, keep=9) == []
    assert registry.prune(tmp_path, keep=1) == ["a", "d"]
    assert [version.name for version in registry.versions(tmp_path)] == ["b", "c", "e", "local-1"]
    assert sorted(path.name for path in (tmp_path / "vectors").iterdir()) == ["of-b", "of-c", "of-e", "of-local-1"]
    assert registry.rollback(tmp_path) == tmp_path / registry.FOLDER / "b"
    assert registry.rollback(tmp_path) is None


def test_half_a_version_is_none(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), registry.creating(tmp_path / registry.FOLDER / "one", "full", "", False, {}):
        raise KeyboardInterrupt
    assert registry.versions(tmp_path) == []
