"""Whether a catalogue has outgrown the local GPT-2 that was trained on an earlier one.

A model of a few test articles would otherwise serve for good. It is outgrown if the catalogue has several times as many
distinct texts, or if its vocabulary cuts the texts into much shorter pieces than those that it was trained on.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from tokenizers import Tokenizer

from chatrec.data.arrays import IntArray
from chatrec.encoder import registry
from chatrec.encoder.prepared import GROWTH
from chatrec.encoder.text_source import TextSource
from chatrec.encoder.texts import NO_TEXT

SHORTER = 0.6
"""Share of the length of a token, in bytes, below which a vocabulary belongs to other texts."""
SAMPLED = 500
"""Maximum number of texts whose tokens are counted."""
FILE = "tokenizer.json"


def why_outgrown(folder: Path, catalogue: TextSource) -> str | None:
    """Return the reason why a local model is outgrown, as the end of a sentence; None if it serves.

    Args:
        folder: Folder of the model.
        catalogue: Texts of the items.
    """
    version = registry.of(folder)
    trained = version.facts.get("next_token", {}) if version else {}
    texts, length = trained.get("texts"), trained.get("token_length")
    if texts is None:
        return None
    if len(catalogue) >= GROWTH * max(texts, 1):
        distinct = len(np.unique(catalogue.digests[catalogue.digests != NO_TEXT]))
        if distinct >= GROWTH * max(texts, 1):
            return f"it was trained on {texts:,} texts, and there are {distinct:,} now"
    sample = catalogue.read(sample_rows(len(catalogue)))
    now = token_length(Tokenizer.from_file(str(folder / FILE)), list(sample))
    if length and now and now < SHORTER * length:
        return f"its tokens had {length:.1f} bytes in the texts that it was trained on, and have {now:.1f} now"
    return None


def sample_rows(texts: int) -> IntArray:
    """Return the rows of the texts whose tokens are counted, ascending."""
    return np.sort(np.random.default_rng(0).permutation(texts)[:SAMPLED])


def token_length(tokenizer: Tokenizer, texts: Sequence[str]) -> float:
    """Return the mean length of a token, in bytes of UTF-8; 0 without tokens."""
    tokens = sum(len(encoded.ids) for encoded in tokenizer.encode_batch(list(texts), add_special_tokens=False))
    return sum(len(text.encode()) for text in texts) / tokens if tokens else 0.0
