"""Erase a user from the encoder's output: vectors of a run, and the vector cache that runs share."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from chatrec.config.source import TextConfig
from chatrec.encoder.embed import PROFILE_USERS, PROFILES, USERS
from chatrec.encoder.text_source import ItemTexts, TextSource, UserTexts
from chatrec.encoder.vector_cache import keep_only
from chatrec.extract.snapshot import Snapshot


def blank(folder: Path, row: int) -> None:
    """Set the vectors of a user to zero, as for a user without texts.

    Args:
        folder: Folder of the step embed. It may be missing.
        row: Row of the user.
    """
    if not (folder / PROFILE_USERS).exists():
        return
    profiles = np.flatnonzero(np.load(folder / PROFILE_USERS) == row)
    for name, rows in ((USERS, [row]), (PROFILES, profiles)):
        if len(rows):
            vectors = np.load(folder / name, mmap_mode="r+")
            vectors[rows] = 0
            vectors.flush()


def forget_texts(root: Path, snapshot: Snapshot | None, text: TextConfig) -> int:
    """Remove the vectors of texts that are no longer in use.

    A user's texts of earlier runs cannot be derived once the events are gone. So only vectors of texts in use are
    kept, which excludes those of an erased user unless another user has the same text.

    Args:
        root: Artifact root.
        snapshot: Snapshot of the latest run, without the user. None keeps no vectors.
        text: Templates of that run.

    Returns:
        Number of vectors removed.
    """
    kept = [source.digests for source in _corpora(snapshot, text)] if snapshot else []
    return keep_only(root, np.concatenate([np.empty(0, "V16"), *kept]))


def _corpora(snapshot: Snapshot, text: TextConfig) -> Iterator[TextSource]:
    """All texts of a run that an encoder may have read, for every setting of user texts."""
    everyone = np.arange(snapshot.users.height)
    yield ItemTexts(snapshot, text)
    yield UserTexts(snapshot, everyone, text.history, True, text)
    yield UserTexts(snapshot, everyone, 0, True, text)
    yield UserTexts(snapshot, everyone, 0, False, text)
