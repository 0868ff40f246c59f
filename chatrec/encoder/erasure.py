"""Taking one user out of what the language model made: vectors of a night, and those that nights share."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from chatrec.config.encoder import Text
from chatrec.encoder.embed import PROFILE_USERS, PROFILES, USERS
from chatrec.encoder.text_source import ItemTexts, TextSource, UserTexts
from chatrec.encoder.vector_cache import keep_only
from chatrec.extract.snapshot import Snapshot


def blank(folder: Path, row: int) -> None:
    """Makes the vectors of a user zero, as of one of whom nothing is known.

    Args:
        folder: of the step embed; it may be gone.
        row: of the user.
    """
    if not (folder / PROFILE_USERS).exists():
        return
    profiles = np.flatnonzero(np.load(folder / PROFILE_USERS) == row)
    for name, rows in ((USERS, [row]), (PROFILES, profiles)):
        if len(rows):
            vectors = np.load(folder / name, mmap_mode="r+")
            vectors[rows] = 0
            vectors.flush()


def forget_texts(root: Path, snapshot: Snapshot | None, text: Text) -> int:
    """Removes the vectors of texts that nobody has any more.

    What somebody's texts were on earlier nights cannot be told once the events are gone. So those that are still in use
    stay, and an erased user's are none of them unless somebody else has the same.

    Args:
        root: the artifact root.
        snapshot: of the newest night, without the user; None keeps nothing.
        text: the templates of that night.

    Returns:
        How many vectors are gone.
    """
    kept = [each.digests for each in _corpora(snapshot, text)] if snapshot else []
    return keep_only(root, np.concatenate([np.empty(0, "V16"), *kept]))


def _corpora(snapshot: Snapshot, text: Text) -> Iterator[TextSource]:
    """All that an encoder may have read of a night, however it reads users."""
    everyone = np.arange(snapshot.users.height)
    yield ItemTexts(snapshot, text)
    yield UserTexts(snapshot, everyone, text.history, True, text)
    yield UserTexts(snapshot, everyone, 0, True, text)
    yield UserTexts(snapshot, everyone, 0, False, text)
