"""The encoder of a run as far as it can be known without its weights: how it reads, and the name of its vectors.

A CPU may take `encoder.minutes` to read a catalogue for the first time. The reading that fits is chosen by the measured
rate and remembered beside the encoders, so later runs read in the same way, and load no model unless a text is new.
"""

import json
import logging
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
import torch

from chatrec.encoder import checkpoint, gguf, versions
from chatrec.encoder.checkpoint import Checkpoint
from chatrec.encoder.choice import Choice, cached, choose
from chatrec.encoder.corpus import Corpus, RunTexts
from chatrec.encoder.encode import forward, padded, tokenise
from chatrec.encoder.reading import MIDDLE
from chatrec.encoder.texts import NO_TEXT
from chatrec.run import fingerprint, write_atomically
from chatrec.settings import Settings
from chatrec.settings.language import Encoder as EncoderSettings
from chatrec.source.snapshot import Snapshot

LOG = logging.getLogger("chatrec")
FILE = "prepared.json"
QUARTER = MIDDLE / 2
TEXTS_COUNTED, TEXTS_TIMED = 512, 32
"""The texts of a sample: how long texts are, and how fast they are read."""
NOT_OF_THE_READING = {"local", "batch_tokens", "dimensions", "shrinkage", "user_text"}


@dataclass(frozen=True)
class Prepared:
    """What embeds the texts of a run."""

    layer: int
    """`encoder.layer`, chosen."""
    pooling: str
    """`encoder.pooling`, chosen."""
    fingerprint: str
    """The folder of the vectors."""
    width: int
    """Length of a raw vector."""
    weights: int
    """Parameters of the layers that are read."""
    device: str
    tokens_per_second: float
    """As measured; 0 where no time had to be measured."""

    def settings(self, settings: EncoderSettings) -> EncoderSettings:
        """The settings with what was chosen."""
        return settings.model_copy(update={"layer": self.layer, "pooling": self.pooling})


def prepare(snapshot: Snapshot, settings: Settings) -> tuple[Choice, Prepared]:
    """Chooses the encoder and how it reads, or finds what was chosen before.

    Args:
        snapshot: whose texts are to be read.
        settings: `encoder`, `text` and the artifact root.
    """
    root = settings.artifacts.root
    choice = choose(settings)
    if gguf.is_slow(choice.source):
        gguf.convert(root, Path(choice.source))
        choice = choose(settings)
    file = root / versions.FOLDER / FILE
    known = json.loads(file.read_text(encoding="utf-8")) if file.exists() else {}
    key = _key(choice, settings.encoder)
    if key not in known:
        known[key] = asdict(_measured(choice, snapshot, settings))
        write_atomically(file, json.dumps(known, indent=1))
    return choice, Prepared(**known[key])


def load(choice: Choice, prepared: Prepared, settings: EncoderSettings) -> Checkpoint:
    """The model, cut to what is read of it."""
    return checkpoint.load(choice.source, prepared.settings(settings), choice.pretrained)


def _key(choice: Choice, settings: EncoderSettings) -> str:
    """A digest of everything that decides how is read: the files as they are, and the settings."""
    path = Path(choice.source)
    if not path.exists() and (config := cached(str(choice.source), ("config.json",))):
        path = config.parent
    files = [path] if path.is_file() else sorted(each for each in path.glob("*") if each.name != versions.VERSION)
    stamps = [(each.name, each.stat().st_size, each.stat().st_mtime_ns) for each in files]
    used = settings.model_dump(mode="json", exclude=NOT_OF_THE_READING)
    device = str(checkpoint.choose_device(settings.device))
    return fingerprint(str(choice.source), choice.pretrained, stamps, used, device)


def _measured(choice: Choice, snapshot: Snapshot, settings: Settings) -> Prepared:
    """Loads the model and chooses the reading with most layers that the time allows."""
    encoder = settings.encoder
    loaded = checkpoint.load(choice.source, encoder, choice.pretrained)
    rate, others = 0.0, _shorter(loaded, encoder, choice.pretrained)
    if others:
        texts = RunTexts(snapshot, settings, loaded.weights, loaded.device.type)
        rate, shorter = _within(loaded, list(texts.by_kind.values()), others, encoder)
        loaded = checkpoint.load(choice.source, shorter, choice.pretrained) if shorter else loaded
    reading = loaded.reading
    return Prepared(
        reading.layers[0], reading.pooling, loaded.fingerprint, loaded.width, loaded.weights, str(loaded.device), rate
    )


def _shorter(loaded: Checkpoint, settings: EncoderSettings, pretrained: bool) -> list[EncoderSettings]:
    """Readings that cost less, the best first; none on a GPU, or where the settings leave no choice."""
    if loaded.device.type != "cpu" or not pretrained or settings.pooling != "auto" or settings.layer:
        return []
    depth = int(loaded.model.config.num_hidden_layers)
    layers = (max(int(share * depth), 1) for share in (MIDDLE, QUARTER))
    return [settings.model_copy(update={"pooling": "mean", "layer": layer}) for layer in layers]


def _within(
    loaded: Checkpoint, corpora: Sequence[Corpus], others: Sequence[EncoderSettings], settings: EncoderSettings
) -> tuple[float, EncoderSettings | None]:
    """Tokens a second of the whole reading, and the one that takes no longer than is allowed; None is the whole."""
    sample, texts = _sample(corpora)
    if not sample:
        return 0.0, None
    tokens = tokenise(loaded, sample)
    rate = _rate(loaded, tokens[:TEXTS_TIMED])
    read, prompts = texts * sum(map(len, tokens)) / len(tokens), texts * len(loaded.reading.prompt)
    layers = max(loaded.reading.layers)
    costs = [(None, read / rate), *((each, (read - prompts) / rate * each.layer / layers) for each in others)]
    allowed = 60 * settings.minutes
    chosen, seconds = next((cost for cost in costs if cost[1] <= allowed), costs[-1])
    if seconds > allowed:
        LOG.warning(
            "Reading %s texts takes this CPU about %.0f minutes, and encoder.minutes is %g: raise it, let a GPU read, "
            "or choose a smaller encoder.model.", f"{texts:,}", seconds / 60, settings.minutes,
        )  # fmt: skip
    return rate, chosen


def _sample(corpora: Sequence[Corpus]) -> tuple[list[str], int]:
    """Some of the different texts, and how many there are."""
    digests = np.concatenate([corpus.digests for corpus in corpora])
    different = np.flatnonzero(digests != NO_TEXT)
    different = different[np.unique(digests[different], return_index=True)[1]]
    random = np.random.default_rng(0)
    chosen = np.sort(random.permutation(different)[:TEXTS_COUNTED])
    found, start = list[str](), 0
    for corpus in corpora:
        found += corpus.read(chosen[(chosen >= start) & (chosen < start + len(corpus))] - start)
        start += len(corpus)
    return [found[row] for row in random.permutation(len(found))], len(different)


def _rate(loaded: Checkpoint, tokens: Sequence[Sequence[int]]) -> float:
    """Tokens a second; the first texts only wake the processor up."""
    ordered = sorted(tokens, key=len)
    pad = loaded.tokenizer.pad_token_id
    with torch.inference_mode():
        forward(loaded, *padded(ordered[:1], pad))
        since = time.monotonic()
        forward(loaded, *padded(ordered, pad))
        return sum(map(len, ordered)) / max(time.monotonic() - since, 1e-9)
