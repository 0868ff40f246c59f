"""All vectors of a night: items, users, and the profiles of a sample of users who have a history."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from chatrec.encoder import checkpoint, local, texts, versions
from chatrec.encoder.encode import Spent, encode
from chatrec.encoder.store import VectorStore
from chatrec.encoder.whitening import Whitening
from chatrec.progress import progress
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


def prepare_encoder(snapshot: Snapshot, settings: Settings) -> Counts:
    """Trains the local GPT-2 if that is what the settings want and it is not there yet."""
    folder = source_of(settings)
    if isinstance(folder, str):
        return {"encoder": folder}
    if folder.exists():
        return {"encoder": folder.name, "trained": False}
    catalogue = texts.item_texts(snapshot.items, settings.text.item)
    return {
        "encoder": folder.name,
        "trained": True,
        **local.train(catalogue, folder, settings.encoder, settings.compute.seed),
    }


def source_of(settings: Settings) -> Path | str:
    """What encodes: the live version if there is one and the settings name no model, else what they name."""
    encoder, root = settings.encoder, settings.artifacts.root
    if encoder.model not in versions.REPLACED:
        return encoder.model
    return versions.live(root) or local.folder_of(root, encoder, settings.compute.seed)


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
    encoder = _Encoder(settings, name)
    items = texts.item_texts(snapshot.items, settings.text.item)
    everyone = np.arange(snapshot.users.height)
    users = _user_texts(snapshot, everyone, settings.text.history, settings)
    known = np.flatnonzero(snapshot.histories.lengths > 0)
    random = np.random.default_rng(settings.compute.seed)
    sample = np.sort(random.choice(known, min(PROFILES_AT_MOST, len(known)), replace=False))
    profiles = _user_texts(snapshot, sample, 0, settings)

    raw_items = encoder.raw("items", items)
    whiten = Whitening.fit(raw_items.distinct, settings.encoder.dimensions)
    np.save(folder / ITEMS, raw_items.mapped(whiten))
    np.save(folder / USERS, encoder.raw("users", users).mapped(whiten))
    np.save(folder / PROFILES, encoder.raw("profiles", profiles).mapped(whiten))
    np.save(folder / PROFILE_USERS, sample)
    return encoder.counts


def _user_texts(snapshot: Snapshot, chosen: Array, length: int, settings: Settings) -> list[str]:
    titles = snapshot.items["title"].fill_null("").to_list()
    return texts.user_texts(snapshot.users, chosen, titles, snapshot.histories, length, settings.text.user)


@dataclass(frozen=True)
class _Raw:
    """Raw vectors of distinct texts, and which of them each row has; -1 for an empty text."""

    distinct: Array
    rows: Array

    def mapped(self, whiten: Whitening) -> Array:
        """Rows × dimensions."""
        vectors = np.vstack([whiten(self.distinct), np.zeros((1, whiten.projection.shape[1]), np.float32)])
        of_rows: Array = vectors[self.rows]
        return of_rows


class _Encoder:
    """The checkpoint, its store of vectors, and what was counted."""

    def __init__(self, settings: Settings, name: str) -> None:
        self.settings = settings
        self.name = name
        self.spent = Spent()
        self.counts: dict[str, Any] = {}

    @cached_property
    def checkpoint(self) -> checkpoint.Checkpoint:
        return checkpoint.load(source_of(self.settings), self.settings.encoder)

    def raw(self, kind: str, written: Sequence[str]) -> _Raw:
        by_digest = {texts.digest(text): text for text in written if text}
        model = self.checkpoint
        store = VectorStore(self.settings.artifacts.root, model.fingerprint, model.width)
        with progress(f"Embedding {kind}", len(by_digest), "texts") as shown:

            def encode_texts(batch: list[str]) -> Array:
                wanted = self.settings.encoder
                return encode(model, batch, wanted.max_tokens, wanted.batch_tokens, shown, self.spent)

            encoded = store.add_missing(f"{self.name}-{kind}", by_digest, encode_texts, self.settings.night.full)
        numbers = {digest: number for number, digest in enumerate(by_digest)}
        rows = np.array([numbers[texts.digest(text)] if text else -1 for text in written], np.int64)
        self._count(kind, len(by_digest), encoded)
        return _Raw(store.vectors(list(by_digest)), rows)

    def _count(self, kind: str, distinct: int, encoded: int) -> None:
        self.counts[f"{kind} embedded"] = encoded
        self.counts[f"{kind} known"] = distinct - encoded
        for state in ("embedded", "known"):
            self.counts[f"texts {state}"] = sum(self.counts.get(f"{each} {state}", 0) for each in KINDS)
        self.counts["tokens"] = self.spent.tokens
        self.counts["padding"] = round((self.spent.padded - self.spent.tokens) / max(self.spent.padded, 1), 4)
        self.counts["fingerprint"] = self.checkpoint.fingerprint
        self.counts["device"] = str(self.checkpoint.device)
