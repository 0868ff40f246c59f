"""Vectors of a run: of items, of users, and of the profiles of a sample of users with a history."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from chatrec.config import Settings
from chatrec.data.arrays import Array
from chatrec.data.interactions import Interactions
from chatrec.encoder import feature_hashing, texts, users
from chatrec.encoder.model_selection import HASHING
from chatrec.encoder.prepared import prepare, select
from chatrec.encoder.spent import EncodingCost
from chatrec.encoder.text_source import RunTexts
from chatrec.encoder.vector_cache import Positions, VectorStore
from chatrec.encoder.whitening import Whitening, chosen
from chatrec.extract.snapshot import Snapshot
from chatrec.runs.results import EmbedResult, EncoderResult, TrainingSummary
from chatrec.runs.run import write_atomically
from chatrec.runtime.progress import Progress

if TYPE_CHECKING:
    from chatrec.encoder.checkpoint import Checkpoint

ITEMS = "items.npy"
USERS = "users.npy"
PROFILES = "profiles.npy"
PROFILE_USERS = "profile_users.npy"
KINDS = ("items", "users", "profiles")
CHOICE = "encoder.json"
"""Output file of the step `encoder`."""


def prepare_encoder(snapshot: Snapshot, settings: Settings, folder: Path) -> EncoderResult:
    """Write CHOICE, the encoder and its pooling config. Trains the local GPT-2 first if it is the selected model.

    Args:
        snapshot: Snapshot of the run.
        settings: Settings of the run.
        folder: Folder of this step.
    """
    choice = select(snapshot, settings)
    trained, training = None, None
    if choice.kind == "local":
        training = _train_local(snapshot, settings, Path(choice.source))
        trained = training is not None
    name, reason = choice.name, choice.reason
    choice, prepared = prepare(snapshot, settings)
    write_atomically(folder / CHOICE, json.dumps({"encoder": choice.name, **asdict(prepared)}, indent=1))
    return EncoderResult(
        encoder=name,
        reason=reason,
        trained=trained,
        training=training,
        layer=prepared.layer,
        pooling=prepared.pooling,
    )


def _train_local(snapshot: Snapshot, settings: Settings, folder: Path) -> TrainingSummary | None:
    """Trains the local GPT-2; None if it exists."""
    if folder.exists():
        return None
    from chatrec.encoder import local_gpt2

    catalogue = texts.item_texts(snapshot.items, settings.text.item)
    return local_gpt2.train(catalogue, folder, settings.encoder_config, settings.compute.seed)


def embed(snapshot: Snapshot, settings: Settings, folder: Path, name: str, full: bool = False) -> EmbedResult:
    """Write ITEMS, USERS, PROFILES and PROFILE_USERS: unit vectors, float32, zero for an empty text.

    Args:
        snapshot: Snapshot of the run.
        settings: Encoder and templates.
        folder: Folder of this step.
        name: Name of the run, unchanged when the step is repeated.
        full: Whether to encode texts in the cache again.

    Returns:
        The result of the step.
    """
    embedding = _Embedding(snapshot, settings, name, full)
    whiten = embedding.whitening()
    size = whiten.projection.shape[1]
    with (
        _file(folder / ITEMS, (snapshot.item_count, size)) as items,
        _file(folder / USERS, (snapshot.users.height, size)) as everyone,
        _file(folder / PROFILES, (len(embedding.texts.sample), size)) as profiles,
    ):
        _fill(items, embedding.positions("items"), whiten)
        _fill(everyone, embedding.positions("users"), whiten, embedding.texts.described)
        _fill(profiles, embedding.positions("profiles"), whiten)
        if not embedding.texts.reads_users:
            users.compose(everyone, items, snapshot.histories, settings.advanced.text.history)
    np.save(folder / PROFILE_USERS, embedding.texts.sample)
    return embedding.result()


def take(items: Array, histories: Interactions, length: int, folder: Path) -> None:
    """Write ITEMS, USERS, PROFILES and PROFILE_USERS from vectors that were made elsewhere, without profiles.

    Args:
        items: Unit vectors of the items, items × dimensions.
        histories: Interactions of all users.
        length: Number of latest events that count.
        folder: Folder of the step.
    """
    everyone = np.zeros((histories.users, items.shape[1]), np.float32)
    users.compose(everyone, items, histories, length)
    nothing = np.empty((0, items.shape[1]), np.float32)
    arrays = {ITEMS: items, USERS: everyone, PROFILES: nothing, PROFILE_USERS: np.empty(0, np.int64)}
    for name, array in arrays.items():
        np.save(folder / name, array)


@contextmanager
def _file(file: Path, shape: tuple[int, int]) -> Iterator[Array]:
    """A memory-mapped matrix that is saved as a file."""
    if 0 in shape:  # an empty file cannot be mapped
        np.save(file, nothing := np.empty(shape, np.float32))
        yield nothing
        return
    matrix = np.lib.format.open_memmap(file, "w+", np.float32, shape)
    yield matrix
    matrix.flush()


def _fill(matrix: Array, positions: Positions, whiten: Whitening, of: Array | None = None) -> None:
    """Write whitened vectors into their rows; `of` maps them to rows of the matrix."""
    for rows, which, vectors in positions.vectors():
        matrix[rows if of is None else of[rows]] = whiten(vectors)[which]


class _Embedding:
    """Texts of a run, their encoder, and the numbers of texts."""

    def __init__(self, snapshot: Snapshot, settings: Settings, name: str, full: bool) -> None:
        self.settings, self.name, self.full = settings, name, full
        self.choice, self.prepared = prepare(snapshot, settings)
        device = self.prepared.device.partition(":")[0]
        self.texts = RunTexts(snapshot, settings, self.prepared.weights, device)
        self.store = VectorStore(settings.artifacts.root, self.prepared.fingerprint, self.prepared.width)
        self.spent = EncodingCost()
        self.embedded, self.cached = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0)
        self._positions: dict[str, Positions] = {}

    @cached_property
    def checkpoint(self) -> "Checkpoint":
        """The model, loaded when a text is not in the cache."""
        from chatrec.encoder.budget import load

        return load(self.choice, self.prepared, self.settings)

    def whitening(self) -> Whitening:
        """The whitening of the run, fitted on the items."""
        raw = (vectors for _, _, vectors in self.positions("items").vectors())
        how = chosen(self.settings.encoder_config, self.choice.whitening)
        return Whitening.fit(raw, self.prepared.width, *how)

    def positions(self, kind: str) -> Positions:
        """Positions of the raw vectors of a kind in the cache; missing texts are encoded first."""
        if kind not in self._positions:
            self.encode(kind)
            self._positions[kind] = self.store.positions(self.texts.by_kind[kind].digests)
        return self._positions[kind]

    def encode(self, kind: str) -> None:
        """Encode the texts that are not in the cache."""
        corpus = self.texts.by_kind[kind]

        def encode_parts(parts: Iterator[list[str]], shown: Progress) -> Iterator[Array]:
            if self.choice.kind == HASHING:
                return feature_hashing.encode(parts, shown)
            from chatrec.encoder.encode import encode

            return encode(self.checkpoint, parts, shown, self.spent)

        name, label = f"{self.name}-{kind}", f"Embedding {kind}"
        encoded = self.store.add_missing(name, label, corpus.digests, corpus.read, encode_parts, self.full)
        self.embedded[kind] = encoded
        self.cached[kind] = len(np.unique(corpus.digests[corpus.digests != texts.NO_TEXT])) - encoded

    def result(self) -> EmbedResult:
        """Result of the step."""
        return EmbedResult(
            encoder=self.choice.name,
            texts_embedded=sum(self.embedded.values()),
            texts_cached=sum(self.cached.values()),
            items_embedded=self.embedded["items"],
            items_cached=self.cached["items"],
            users_embedded=self.embedded["users"],
            users_cached=self.cached["users"],
            profiles_embedded=self.embedded["profiles"],
            profiles_cached=self.cached["profiles"],
            user_text="read" if self.texts.reads_users else "composed",
            tokens=self.spent.tokens,
            tokens_per_second=round(self.spent.rate),
            padding=round(self.spent.padding, 4),
            fingerprint=self.prepared.fingerprint,
            device=self.prepared.device,
        )
