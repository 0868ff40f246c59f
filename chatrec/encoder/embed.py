"""All vectors of a night: items, users, and the profiles of a sample of users who have a history."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from chatrec.encoder import checkpoint, local, texts, users
from chatrec.encoder.choice import choose
from chatrec.encoder.corpus import Corpus, ItemTexts, UserTexts
from chatrec.encoder.encode import Spent, encode
from chatrec.encoder.store import EVERYTHING, Places, Share, VectorStore
from chatrec.encoder.whitening import Whitening, chosen
from chatrec.progress import Progress
from chatrec.run import Counts
from chatrec.settings import Settings
from chatrec.source.snapshot import Array, Snapshot

ITEMS = "items.npy"
USERS = "users.npy"
PROFILES = "profiles.npy"
PROFILE_USERS = "profile_users.npy"
KINDS = ("items", "users", "profiles")
PROFILES_AT_MOST = 5_000
"""Profiles of users with a history: enough to learn what a profile says about behaviour."""
PROFILES_COMPOSED = 20_000
"""If there are more different profiles, those of users with a history say nothing in their vectors: they have items."""


def prepare_encoder(snapshot: Snapshot, settings: Settings) -> Counts:
    """Trains the local GPT-2 if that is the choice and it is not there yet."""
    choice = choose(settings)
    folder = Path(choice.source)
    counts: Counts = {"encoder": choice.name, "because": choice.reason}
    if choice.kind != "local":
        return counts
    if folder.exists():
        return {**counts, "trained": False}
    catalogue = texts.item_texts(snapshot.items, settings.text.item)
    return {**counts, "trained": True, **local.train(catalogue, folder, settings.encoder, settings.compute.seed)}


def embed(snapshot: Snapshot, settings: Settings, folder: Path, name: str) -> Counts:
    """Writes ITEMS, USERS, PROFILES and PROFILE_USERS: unit vectors, float32, zero for a text that is empty.

    Args:
        snapshot: of tonight.
        settings: encoder and templates.
        folder: of this step.
        name: of this night, the same when the step is done again.

    Returns:
        How many texts were encoded and how many were known, tokens, share of padding, the encoder.
    """
    night = _Night(snapshot, settings, name)
    whiten = night.whitening()
    size = whiten.projection.shape[1]
    with (
        _file(folder / ITEMS, (snapshot.item_count, size)) as items,
        _file(folder / USERS, (snapshot.users.height, size)) as everyone,
        _file(folder / PROFILES, (len(night.sample), size)) as profiles,
    ):
        _fill(items, night.places("items"), whiten)
        _fill(everyone, night.places("users"), whiten, night.described)
        _fill(profiles, night.places("profiles"), whiten)
        if not night.reads_users:
            users.compose(everyone, items, snapshot.histories, settings.text.history)
    np.save(folder / PROFILE_USERS, night.sample)
    return night.counts


def encode_share(snapshot: Snapshot, settings: Settings, name: str, share: Share) -> Counts:
    """Encodes a worker's share of a night's items and users, which `embed` then finds done; arguments as there."""
    night = _Night(snapshot, settings, name)
    for kind in ("items", "users"):
        night.encode(kind, share)
    return night.counts


@contextmanager
def _file(file: Path, shape: tuple[int, int]) -> Iterator[Array]:
    """A matrix that becomes a file; memory need not hold it."""
    if 0 in shape:  # of nothing there is no map
        np.save(file, nothing := np.empty(shape, np.float32))
        yield nothing
        return
    matrix = np.lib.format.open_memmap(file, "w+", np.float32, shape)
    yield matrix
    matrix.flush()


def _fill(matrix: Array, places: Places, whiten: Whitening, of: Array | None = None) -> None:
    """Writes whitened vectors into their rows; `of` says which rows these are, if not all."""
    for rows, which, vectors in places.vectors():
        matrix[rows if of is None else of[rows]] = whiten(vectors)[which]


class _Night:
    """The texts of a night, what encodes them, and what was counted."""

    def __init__(self, snapshot: Snapshot, settings: Settings, name: str) -> None:
        self.snapshot, self.settings, self.name = snapshot, settings, name
        self.choice = choose(settings)
        self.spent = Spent()
        self.counts: dict[str, Any] = {"encoder": self.choice.name}
        self._places: dict[str, Places] = {}

    @cached_property
    def checkpoint(self) -> checkpoint.Checkpoint:
        """What encodes."""
        return checkpoint.load(self.choice.source, self.settings.encoder, self.choice.pretrained)

    @cached_property
    def store(self) -> VectorStore:
        """Raw vectors of this encoder."""
        return VectorStore(self.settings.artifacts.root, self.checkpoint.fingerprint, self.checkpoint.width)

    @cached_property
    def known(self) -> Array:
        """Users with a history."""
        return np.flatnonzero(self.snapshot.histories.lengths > 0)

    @cached_property
    def sample(self) -> Array:
        """Users with a history whose profiles are encoded alone."""
        random = np.random.default_rng(self.settings.compute.seed)
        return np.sort(random.choice(self.known, min(PROFILES_AT_MOST, len(self.known)), replace=False))

    @cached_property
    def reads_users(self) -> bool:
        """Whether the model reads what users took."""
        return users.is_read(self.settings.encoder.user_text, self.checkpoint, len(self.known))

    @cached_property
    def described(self) -> Array:
        """Users of whom the model reads something."""
        everyone = np.arange(self.snapshot.users.height)
        if self.reads_users or len(np.unique(self._texts(everyone, 0).digests)) <= PROFILES_COMPOSED:
            return everyone
        return np.setdiff1d(everyone, self.known)

    @cached_property
    def corpora(self) -> dict[str, Corpus]:
        """What is to be encoded, by kind."""
        history = self.settings.text.history if self.reads_users else 0
        return {
            "items": ItemTexts(self.snapshot, self.settings.text),
            "users": self._texts(self.described, history, searches=True),
            "profiles": self._texts(self.sample, 0),
        }

    def _texts(self, chosen: Array, history: int, searches: bool = False) -> UserTexts:
        return UserTexts(self.snapshot, chosen, history, searches, self.settings.text)

    def whitening(self) -> Whitening:
        """The map of tonight, fitted on the items."""
        raw = (vectors for _, _, vectors in self.places("items").vectors())
        how = chosen(self.settings.encoder, self.choice.pretrained)
        return Whitening.fit(raw, self.checkpoint.width, *how)

    def places(self, kind: str) -> Places:
        """Where the raw vectors of a kind are; those that are nowhere are encoded first."""
        if kind not in self._places:
            self.encode(kind)
            self._places[kind] = self.store.places(self.corpora[kind].digests)
        return self._places[kind]

    def encode(self, kind: str, share: Share = EVERYTHING) -> None:
        """Encodes what is new."""
        corpus = self.corpora[kind]

        def encode_parts(parts: Iterator[list[str]], shown: Progress) -> Iterator[Array]:
            return encode(self.checkpoint, parts, shown, self.spent)

        name, label = f"{self.name}-{kind}", f"Embedding {kind}"
        anew = self.settings.night.full
        encoded = self.store.add_missing(name, label, corpus.digests, corpus.read, encode_parts, anew, share)
        self._count(kind, len(np.unique(corpus.digests[corpus.digests != texts.NO_TEXT])), encoded)

    def _count(self, kind: str, distinct: int, encoded: int) -> None:
        self.counts[f"{kind} embedded"] = encoded
        self.counts[f"{kind} known"] = distinct - encoded
        for state in ("embedded", "known"):
            self.counts[f"texts {state}"] = sum(self.counts.get(f"{each} {state}", 0) for each in KINDS)
        self.counts["user text"] = "read" if self.reads_users else "composed"
        self.counts["tokens"] = self.spent.tokens
        self.counts["tokens a second"] = round(self.spent.rate)
        self.counts["padding"] = round(self.spent.padding, 4)
        self.counts["fingerprint"] = self.checkpoint.fingerprint
        self.counts["device"] = str(self.checkpoint.device)
