"""Fit the encoder to the time that a CPU may take: fewer layers, and mean pooling in place of a prompt."""

import logging
import time
from collections.abc import Sequence

import numpy as np
import torch

from chatrec.config import Settings
from chatrec.config.encoder import EncoderConfig
from chatrec.encoder import checkpoint
from chatrec.encoder.checkpoint import Checkpoint
from chatrec.encoder.encode import forward, padded, tokenise
from chatrec.encoder.model_selection import SelectedModel
from chatrec.encoder.pooling_config import MIDDLE
from chatrec.encoder.prepared import PreparedEncoder
from chatrec.encoder.text_source import RunTexts, TextSource
from chatrec.encoder.texts import NO_TEXT
from chatrec.errors import RunError
from chatrec.extract.snapshot import Snapshot
from chatrec.runtime.hardware import use_threads

LOG = logging.getLogger("chatrec")
QUARTER = MIDDLE / 2
TEXTS_COUNTED, TEXTS_TIMED = 512, 32
"""Sample sizes: texts whose length is measured, and texts that are timed."""


def measure(choice: SelectedModel, snapshot: Snapshot, settings: Settings) -> PreparedEncoder:
    """Load the model and choose the pooling config with the most layers that fits into `encoder.minutes`."""
    use_threads(settings.compute.threads)
    encoder = settings.encoder_config
    loaded = checkpoint.load(choice.source, encoder, choice.pretrained)
    rate, others = 0.0, _shorter(loaded, encoder, choice.pretrained)
    if others:
        texts = RunTexts(snapshot, settings, loaded.weights, loaded.device.type)
        rate, shorter = _within(loaded, list(texts.by_kind.values()), others, encoder)
        loaded = checkpoint.load(choice.source, shorter, choice.pretrained) if shorter else loaded
    reading = loaded.reading
    return PreparedEncoder(
        reading.layers[0], reading.pooling, loaded.fingerprint, loaded.width, loaded.weights, str(loaded.device), rate
    )


def _shorter(loaded: Checkpoint, settings: EncoderConfig, pretrained: bool) -> list[EncoderConfig]:
    """Cheaper settings, the best first. Empty on a GPU, or where the settings leave no choice."""
    if loaded.device.type != "cpu" or not pretrained or settings.pooling != "auto" or settings.layer:
        return []
    depth = int(loaded.model.config.num_hidden_layers)
    layers = (max(int(share * depth), 1) for share in (MIDDLE, QUARTER))
    return [settings.model_copy(update={"pooling": "mean", "layer": layer}) for layer in layers]


def _within(
    loaded: Checkpoint, corpora: Sequence[TextSource], others: Sequence[EncoderConfig], settings: EncoderConfig
) -> tuple[float, EncoderConfig | None]:
    """Tokens per second at full depth, and the settings that fit into the time; None stands for full depth."""
    sample, texts = _sample(corpora)
    if not sample:
        return 0.0, None
    tokens = tokenise(loaded, sample)
    rate = _rate(loaded, tokens[:TEXTS_TIMED])
    read, prompts = texts * sum(map(len, tokens)) / len(tokens), texts * len(loaded.reading.prompt)
    layers = max(loaded.reading.layers)
    costs = [(None, read / rate), *((other, (read - prompts) / rate * other.layer / layers) for other in others)]
    allowed = 60 * settings.minutes
    chosen, seconds = next((cost for cost in costs if cost[1] <= allowed), costs[-1])
    if seconds > allowed:
        LOG.warning(
            "Encoding %s texts takes this CPU about %.0f minutes, and encoder.minutes is %g: raise it, use a GPU, "
            "or choose a smaller encoder.model.", f"{texts:,}", seconds / 60, settings.minutes,
        )  # fmt: skip
    return rate, chosen


def _sample(corpora: Sequence[TextSource]) -> tuple[list[str], int]:
    """A sample of the distinct texts, and the number of distinct texts."""
    digests = np.concatenate([corpus.digests for corpus in corpora])
    distinct = np.flatnonzero(digests != NO_TEXT)
    distinct = distinct[np.unique(digests[distinct], return_index=True)[1]]
    random = np.random.default_rng(0)
    chosen = np.sort(random.permutation(distinct)[:TEXTS_COUNTED])
    sample, start = list[str](), 0
    for corpus in corpora:
        sample += corpus.read(chosen[(chosen >= start) & (chosen < start + len(corpus))] - start)
        start += len(corpus)
    return [sample[row] for row in random.permutation(len(sample))], len(distinct)


def _rate(loaded: Checkpoint, tokens: Sequence[Sequence[int]]) -> float:
    """Tokens per second. A first batch warms up the processor."""
    ordered = sorted(tokens, key=len)
    pad = loaded.tokenizer.pad_token_id
    with torch.inference_mode():
        forward(loaded, *padded(ordered[:1], pad))
        since = time.monotonic()
        forward(loaded, *padded(ordered, pad))
        return sum(map(len, ordered)) / max(time.monotonic() - since, 1e-9)


def load(choice: SelectedModel, prepared: PreparedEncoder, settings: Settings) -> Checkpoint:
    """Load the prepared model, cut after the deepest layer that is used.

    Raises:
        RunError: If the model is not the one that was prepared.
    """
    use_threads(settings.compute.threads)
    loaded = checkpoint.load(choice.source, prepared.settings(settings.encoder_config), choice.pretrained)
    if loaded.fingerprint != prepared.fingerprint:
        raise RunError(
            f"The encoder {choice.source} is not the one that was prepared ({prepared.fingerprint}): its "
            f"files or its device changed. Remove {settings.artifacts.root}/encoders/prepared.json and run again."
        )
    return loaded
