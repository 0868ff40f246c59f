"""The store of vectors: each text once, whatever happens."""

from pathlib import Path

import numpy as np
import pytest

from chatrec.encoder import store as module
from chatrec.encoder.store import VectorStore
from chatrec.encoder.texts import digest


class Encoder:
    """Counts what it is asked for; a text's vector says which batch it was in."""

    def __init__(self, fail_after: int | None = None) -> None:
        self.batches: list[list[str]] = []
        self.fail_after = fail_after

    def __call__(self, texts: list[str]) -> np.ndarray:
        if self.fail_after is not None and len(self.batches) == self.fail_after:
            raise KeyboardInterrupt
        self.batches.append(texts)
        return np.array([[len(text), len(texts)] for text in texts], np.float32)


def texts(*names: str) -> dict[bytes, str]:
    return {digest(name): name for name in names}


def test_a_text_is_encoded_once(tmp_path: Path) -> None:
    store, encoder = VectorStore(tmp_path, "one", 2), Encoder()
    assert store.add_missing("night 1", texts("a", "bb"), encoder) == 2
    assert store.add_missing("night 2", texts("bb", "ccc"), encoder) == 1
    assert encoder.batches == [["a", "bb"], ["ccc"]]
    found = store.vectors([digest("ccc"), digest("a"), digest("ccc")])
    assert found[:, 0].tolist() == [3, 1, 3]


def test_encoders_do_not_share_vectors(tmp_path: Path) -> None:
    encoder = Encoder()
    VectorStore(tmp_path, "one", 2).add_missing("night", texts("a"), encoder)
    assert VectorStore(tmp_path, "two", 2).add_missing("night", texts("a"), encoder) == 1


def test_a_killed_night_goes_on_in_the_same_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "TEXTS_OF_A_PART", 3)
    wanted = texts(*(f"text {n}" for n in range(10)))
    undisturbed = VectorStore(tmp_path / "a", "one", 2)
    undisturbed.add_missing("night", wanted, Encoder())
    store = VectorStore(tmp_path / "b", "one", 2)
    with pytest.raises(KeyboardInterrupt):
        store.add_missing("night", wanted, Encoder(fail_after=2))
    again = Encoder()
    assert store.add_missing("night", wanted, again) == 10
    assert sum(map(len, again.batches)) == 4
    names = list(wanted)
    assert (store.vectors(names) == undisturbed.vectors(names)).all()


def test_anew_encodes_everything_and_the_newest_counts(tmp_path: Path) -> None:
    store = VectorStore(tmp_path, "one", 2)
    store.add_missing("night 1", texts("a", "bb"), Encoder())
    assert store.add_missing("night 2", texts("a"), Encoder(), anew=True) == 1
    assert store.vectors([digest("a")])[0].tolist() == [1, 1]
