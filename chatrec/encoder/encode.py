"""Encode texts in batches of similar length."""

import time
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import torch
from torch import Tensor

from chatrec.data.arrays import Array
from chatrec.encoder.checkpoint import Checkpoint
from chatrec.encoder.pooling import pool
from chatrec.encoder.spent import EncodingCost
from chatrec.errors import SettingsError
from chatrec.runtime.prefetch import prefetch
from chatrec.runtime.progress import Progress

CHARACTERS_OF_A_TOKEN = 16
"""No tokenizer in use makes longer tokens on average: a text of a megabyte is cut before it is tokenised."""
MOST_PADDING, LEAST_OF_A_BATCH = 0.04, 1 / 16
"""A batch that has reached LEAST_OF_A_BATCH of its tokens ends before its share of padding exceeds MOST_PADDING."""
PARTS_AT_ONCE = {"cuda": 4}
"""On a GPU batches are large; sorting several parts together leaves fewer of them partly filled."""


def encode(
    checkpoint: Checkpoint, parts: Iterable[Sequence[str]], shown: Progress, spent: EncodingCost
) -> Iterator[Array]:
    """Raw vectors of texts, part by part. The next part is read and tokenised while one goes through the model.

    Args:
        checkpoint: Model.
        parts: Texts of any length, empty ones included. The texts of a part are in memory at once.
        shown: Progress, advanced by texts.
        spent: Cost of encoding, updated in place.

    Yields:
        texts × width, float32, in the order of the texts of a part.

    Raises:
        SettingsError: If not even a single text fits into the memory of the device.
    """
    tokenised = prefetch(_tokenised(checkpoint, iter(parts)))
    while True:
        since = time.monotonic()
        tokenised_parts = next(tokenised, None)
        spent.seconds += time.monotonic() - since
        if tokenised_parts is None:
            return
        tokens, ends = tokenised_parts
        yield from np.split(encode_tokens(checkpoint, tokens, shown, spent), ends)


def encode_all(checkpoint: Checkpoint, texts: Sequence[str], shown: Progress, spent: EncodingCost) -> Array:
    """Raw vectors of texts: texts × width, float32."""
    return next(encode(checkpoint, [texts], shown, spent))


def _tokenised(checkpoint: Checkpoint, parts: Iterator[Sequence[str]]) -> Iterator[tuple[list[list[int]], Array]]:
    """Tokens of the parts that are encoded together, and the boundaries between the parts."""
    while some := list(islice(parts, PARTS_AT_ONCE.get(checkpoint.device.type, 1))):
        yield tokenise(checkpoint, list(chain.from_iterable(some))), np.cumsum(list(map(len, some)))[:-1]


def encode_tokens(
    checkpoint: Checkpoint, tokens: Sequence[Sequence[int]], shown: Progress, spent: EncodingCost
) -> Array:
    """Raw vectors of tokenised texts: texts × width, float32."""
    since = time.monotonic()
    order: list[int] = []
    pooled_batches = [torch.zeros((0, checkpoint.width))]  # stays on the device: copying each batch would wait for it
    waiting = _mixed(batches(list(map(len, tokens)), checkpoint.batch_tokens))
    with torch.inference_mode():
        for batch, pooled in _pooled(checkpoint, tokens, waiting, spent):
            order += batch
            pooled_batches.append(pooled)
            now = time.monotonic()
            spent.seconds, since = spent.seconds + now - since, now
            shown.advance(len(batch), f"{spent.rate:,.0f} tokens/s")
        vectors: Array = torch.cat(pooled_batches[1:] or pooled_batches)[np.argsort(order)].cpu().numpy()
    spent.seconds += time.monotonic() - since
    return vectors


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Group texts of similar length, the shortest first, to keep padding small.

    Args:
        lengths: Number of tokens of each text.
        batch_tokens: Maximum tokens of a batch. A longer text is a batch of its own.
    """
    batch: list[int] = []
    tokens = 0
    for text in sorted(range(len(lengths)), key=lambda i: lengths[i]):
        size = lengths[text] * (len(batch) + 1)
        is_fair = tokens + lengths[text] >= (1 - MOST_PADDING) * size or tokens < LEAST_OF_A_BATCH * batch_tokens
        if batch and (size > batch_tokens or not is_fair):
            yield batch
            batch, tokens = [], 0
        batch.append(text)
        tokens += lengths[text]
    if batch:
        yield batch


def _mixed(made: Iterable[list[int]]) -> list[list[int]]:
    """Batches in random order, so that the remaining time can be estimated from those that are done."""
    ordered = list(made)
    return [ordered[number] for number in np.random.default_rng(0).permutation(len(ordered))]


def tokenise(checkpoint: Checkpoint, texts: Sequence[str]) -> list[list[int]]:
    """Tokens of each text, at least one, followed by those of the prompt."""
    prompt = list(checkpoint.reading.prompt)
    longest = checkpoint.reading.max_tokens - len(prompt)
    cut = [text[: longest * CHARACTERS_OF_A_TOKEN] for text in texts]
    words: Any = checkpoint.tokenizer.backend_tokenizer  # called directly, it takes a fifth of the time
    words.enable_truncation(longest)
    words.no_padding()
    return [(encoding.ids or [checkpoint.tokenizer.eos_token_id]) + prompt for encoding in words.encode_batch_fast(cut)]


def padded(tokens: Sequence[Sequence[int]], pad: int) -> tuple[Array, Array]:
    """Token ids padded with `pad`, and a mask that is 1 for tokens and 0 for padding: both texts × tokens, int64."""
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, pad, np.int64)
    ids[mask] = np.fromiter(chain.from_iterable(tokens), np.int64, lengths.sum())
    return ids, mask.astype(np.int64)


def forward(checkpoint: Checkpoint, ids: Array, mask: Array) -> Tensor:
    """Raw vectors of a batch, float32, on the model's device. Used by training and encoding."""
    on_device = _to(checkpoint.device, mask)
    states = checkpoint.model(_to(checkpoint.device, ids), attention_mask=on_device, use_cache=False).last_hidden_state
    with torch.autocast(
        checkpoint.device.type, enabled=False
    ):  # in training, bfloat16 is too coarse for a mean over many tokens
        return pool(states, on_device, checkpoint.reading)


def _pooled(
    checkpoint: Checkpoint, tokens: Sequence[Sequence[int]], waiting: list[list[int]], spent: EncodingCost
) -> Iterator[tuple[list[int], Tensor]]:
    """Pooled vectors batch by batch. A batch that runs out of memory is halved, and so are later ones of its size."""
    limit: float = np.inf
    while waiting:
        batch = waiting.pop()
        ids, mask = padded([tokens[text] for text in batch], checkpoint.tokenizer.pad_token_id)
        if mask.size <= limit or len(batch) == 1:
            try:
                pooled = forward(checkpoint, ids, mask)
            except torch.OutOfMemoryError:
                _refuse_a_single_text(batch, mask)
                limit = mask.size // 2
                spent.halved += 1
            else:
                spent.tokens += int(mask.sum())
                spent.padded += mask.size
                yield batch, pooled
                continue
        waiting += [batch[len(batch) // 2 :], batch[: len(batch) // 2]]


def _refuse_a_single_text(batch: Sequence[int], mask: Array) -> None:
    if len(batch) == 1:
        raise SettingsError(
            f"Not even one text of {mask.size} tokens fits into the memory of the device: lower "
            "advanced.encoder.max_tokens, take a smaller encoder.model, or encoder.device = cpu."
        ) from None


def _to(device: torch.device, array: Array) -> Tensor:
    """Move to a device; from pinned memory to a GPU, which makes the copy asynchronous."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
