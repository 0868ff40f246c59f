"""The store of vectors: each text once, whatever happens and whoever works on it."""

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chatrec.encoder import vector_cache as module
from chatrec.encoder.texts import digests
from chatrec.encoder.vector_cache import VectorStore
from chatrec.runtime.progress import Progress


class Encoder:
    """Counts what it is asked for; a text's vector says which batch it was in."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.batches: list[list[str]] = []
        self.fail_after = fail_after

    def __call__(self, parts: Iterator[list[str]], shown: Progress) -> Iterator[np.ndarray]:
        for texts in parts:
            if self.fail_after is not None and len(self.batches) == self.fail_after:
                raise KeyboardInterrupt
            self.batches.append(texts)
            yield np.array([[len(text), len(texts)] for text in texts], np.float32)


def add(
    store: VectorStore,
    name: str,
    texts: Sequence[str],
    encoder: Encoder,
    again: bool = False,
) -> int:
    def read(rows: np.ndarray) -> Iterator[str]:
        assert (np.diff(rows) > 0).all()
        return (texts[row] for row in rows)

    return store.add_missing(name, "test", digests(texts), read, encoder, again)


@pytest.fixture
def parts_of_three(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEXTS_OF_A_PART", 3)


def test_a_text_is_encoded_once(tmp_path: Path) -> None:
    store, encoder = VectorStore(tmp_path, "one", 2), Encoder()
    assert add(store, "run 1", ["a", "bb", "a", ""], encoder) == 2
    assert add(store, "run 2", ["", "bb", "ccc"], encoder) == 1
    assert encoder.batches == [["a", "bb"], ["ccc"]]
    found = store.vectors(digests(["ccc", "", "a", "ccc"]))
    assert found[:, 0].tolist() == [3, 0, 1, 3]


def test_encoders_do_not_share_vectors(tmp_path: Path) -> None:
    encoder = Encoder()
    add(VectorStore(tmp_path, "one", 2), "run", ["a"], encoder)
    assert add(VectorStore(tmp_path, "two", 2), "run", ["a"], encoder) == 1


@pytest.mark.usefixtures("parts_of_three")
def test_a_killed_run_goes_on_in_the_same_batches(tmp_path: Path) -> None:
    wanted = [f"text {n}" for n in range(10)]
    undisturbed = VectorStore(tmp_path / "a", "one", 2)
    add(undisturbed, "run", wanted, Encoder())
    store = VectorStore(tmp_path / "b", "one", 2)
    with pytest.raises(KeyboardInterrupt):
        add(store, "run", wanted, Encoder(fail_after=2))
    again = Encoder()
    assert add(store, "run", wanted, again) == 10
    assert sum(map(len, again.batches)) == 4
    assert files(tmp_path / "a") == files(tmp_path / "b")


@pytest.mark.usefixtures("parts_of_three")
def test_other_texts_under_the_same_name_are_encoded(tmp_path: Path) -> None:
    """As after a killed run whose templates were changed before it was done again."""
    store = VectorStore(tmp_path, "one", 2)
    with pytest.raises(KeyboardInterrupt):
        add(store, "run", [f"text {n}" for n in range(10)], Encoder(fail_after=2))
    other = [f"other {n}" for n in range(7)]
    assert add(store, "run", other, Encoder()) == 7
    assert store.vectors(digests(other))[:, 0].tolist() == [7] * 7


@pytest.mark.usefixtures("parts_of_three")
@pytest.mark.parametrize("damage", [b"", b"no Parquet", None])
def test_texts_of_a_damaged_part_are_encoded_again(tmp_path: Path, damage: bytes | None) -> None:
    store, wanted, encoder = VectorStore(tmp_path, "one", 2), ["a", "bb", "ccc", "dddd", "eeeee"], Encoder()
    add(store, "run 1", wanted, Encoder())
    file = min(store.folder.glob("part-*.parquet"))
    data = bytearray(file.read_bytes())
    data[len(data) // 3] ^= 1
    file.write_bytes(data if damage is None else damage)
    assert add(store, "run 2", wanted, encoder) == 3
    assert encoder.batches == [["a", "bb", "ccc"]]
    assert store.vectors(digests(wanted))[:, 0].tolist() == [1, 2, 3, 4, 5]


@pytest.mark.usefixtures("parts_of_three")
def test_a_damaged_plan_is_made_again(tmp_path: Path) -> None:
    """Parts that were done under the old plan stay, although the new one has the same name and other texts."""
    store, wanted = VectorStore(tmp_path, "one", 2), ["x" * (n + 1) for n in range(10)]
    with pytest.raises(KeyboardInterrupt):
        add(store, "run", wanted, Encoder(fail_after=2))
    (plan,) = store.folder.glob("plan-*.parquet")
    plan.write_bytes(b"")
    assert add(store, "run", wanted, Encoder()) == 4
    assert store.vectors(digests(wanted))[:, 0].tolist() == list(range(1, 11))


def test_anew_encodes_everything_and_the_newest_counts(tmp_path: Path) -> None:
    store = VectorStore(tmp_path, "one", 2)
    add(store, "run 1", ["a", "bb"], Encoder())
    assert add(store, "run 2", ["a"], Encoder(), again=True) == 1
    assert store.vectors(digests(["a"]))[0].tolist() == [1, 1]


@given(st.lists(st.lists(st.text("ab", max_size=4), max_size=8), max_size=4), st.lists(st.text("abc", max_size=3)))
def test_every_row_finds_its_vector(
    tmp_path_factory: pytest.TempPathFactory, runs: list[list[str]], rows: list[str]
) -> None:
    store = VectorStore(tmp_path_factory.mktemp("store"), "one", 2)
    for number, texts in enumerate(runs):
        add(store, f"run {number}", texts, Encoder())
    there = {text for texts in runs for text in texts if text}
    places = store.positions(digests(rows))
    assert [bool(file >= 0) for file in places.file] == [text in there for text in rows]
    seen: list[int] = []
    for found, which, vectors in places.vectors():
        seen += found.tolist()
        assert len(np.unique(which)) == len(vectors)
        assert [len(rows[row]) for row in found] == vectors[which][:, 0].tolist()
    assert sorted(seen) == [row for row, text in enumerate(rows) if text in there]


def files(root: Path) -> dict[str, bytes]:
    return {str(file.relative_to(root)): file.read_bytes() for file in sorted(root.rglob("*")) if file.is_file()}
