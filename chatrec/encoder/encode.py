"""Texts through the model, in batches of like length."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from chatrec.encoder.checkpoint import Checkpoint
from chatrec.encoder.pooling import weighted_mean
from chatrec.progress import Progress
from chatrec.source.snapshot import Array

CHARACTERS_OF_A_TOKEN = 16
"""No tokenizer in use makes longer tokens on average: a text of a megabyte is cut before it is tokenised."""


@dataclass
class Spent:
    """What encoding cost."""

    tokens: int = 0
    padded: int = 0
    """Tokens including padding."""


def encode(
    checkpoint: Checkpoint,
    texts: Sequence[str],
    max_tokens: int,
    batch_tokens: int,
    shown: Progress,
    spent: Spent,
) -> Array:
    """The raw vectors of texts.

    Args:
        checkpoint: the model.
        texts: of any length, an empty one included.
        max_tokens: longer texts are cut.
        batch_tokens: tokens of a batch, padding included.
        shown: advances by texts.
        spent: is added to.

    Returns:
        texts × width, float32, in the order of the texts.
    """
    tokens = _tokenise(checkpoint, texts, max_tokens)
    vectors = np.zeros((len(texts), checkpoint.width), np.float32)
    for batch in batches([len(ids) for ids in tokens], batch_tokens):
        longest = len(tokens[batch[-1]])
        ids = np.full((len(batch), longest), checkpoint.tokenizer.pad_token_id, np.int64)
        mask = np.zeros((len(batch), longest), np.int64)
        for row, text in enumerate(batch):
            ids[row, : len(tokens[text])] = tokens[text]
            mask[row, : len(tokens[text])] = 1
        vectors[batch] = _forward(checkpoint, ids, mask)
        spent.tokens += int(mask.sum())
        spent.padded += mask.size
        shown.advance(len(batch))
    return vectors


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Groups texts of like length, the shortest first, so that almost nothing is padded.

    Args:
        lengths: tokens of each text.
        batch_tokens: most tokens of a batch; a longer text is a batch of its own.
    """
    batch: list[int] = []
    for text in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        if batch and lengths[text] * (len(batch) + 1) > batch_tokens:
            yield batch
            batch = []
        batch.append(text)
    if batch:
        yield batch


def _tokenise(checkpoint: Checkpoint, texts: Sequence[str], max_tokens: int) -> list[list[int]]:
    cut = [text[: max_tokens * CHARACTERS_OF_A_TOKEN] for text in texts]
    found = checkpoint.tokenizer(cut, truncation=True, max_length=max_tokens)["input_ids"] if cut else []
    return [ids or [checkpoint.tokenizer.eos_token_id] for ids in found]


@torch.inference_mode()
def _forward(checkpoint: Checkpoint, ids: Array, mask: Array) -> Array:
    there = torch.from_numpy(mask).to(checkpoint.device)
    states = checkpoint.model(torch.from_numpy(ids).to(checkpoint.device), attention_mask=there).last_hidden_state
    pooled: Array = weighted_mean(states, there).cpu().numpy()
    return pooled
