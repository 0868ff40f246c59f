"""Renumbering and reordering the items of a split changes no list and no score."""

from pathlib import Path

import pytest

from chatrec.config import load
from chatrec.pipeline.offline import KEY, evaluate_split
from chatrec.ranking.lists import RECOMMENDATIONS
from chatrec.runs.run import Run
from tests.support import toy


def lists_of(folder: Path, seed: int) -> tuple[dict[str, list[int]], bytes]:
    """The lists of a split by user, with the first numbers of the items, and the file of their scores."""
    ids = toy.write_renumbered(folder / "split", seed)
    with pytest.MonkeyPatch.context() as patch:
        for name, value in {**toy.SMALL, "CHATREC_AIGC__MINUTES": "10", "CHATREC_ADVANCED__AIGC__EPOCHS": "2"}.items():
            patch.setenv(name, value)
        settings = load().override({"ranking.target": "next_item"})
    split, out, kept = folder / "split", folder / "lists.csv.gz", folder / "kept"
    evaluate_split(settings, split, split / "items.csv.gz", None, out, 10, kept)
    number = {own: first for first, own in enumerate(ids)}
    lists = {user: [number[item] for item in items] for user, items in toy.read(out).items()}
    return lists, (Run(kept, KEY).step_folder("rank") / RECOMMENDATIONS).read_bytes()


def test_lists_and_scores_do_not_depend_on_how_items_are_numbered(tmp_path: Path) -> None:
    first, again = lists_of(tmp_path / "first", 0), lists_of(tmp_path / "again", 1)
    assert first == again
