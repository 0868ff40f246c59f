"""Texts through the model, in batches of like length."""

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
from chatrec.runtime.prefetch import ahead
from chatrec.runtime.progress import Progress

CHARACTERS_OF_A_TOKEN = 16
"""No tokenizer in use makes longer tokens on average: a text of a megabyte is cut before it is tokenised."""
MOST_PADDING, LEAST_OF_A_BATCH = 0.04, 1 / 16
"""A batch with this share of the tokens that it may have ends before padding is a larger share of it."""
PARTS_AT_ONCE = {"cuda": 4}
"""On a GPU batches are large, and few of them are only in part filled if more texts are sorted."""


def encode(
    checkpoint: Checkpoint, parts: Iterable[Sequence[str]], shown: Progress, spent: EncodingCost
) -> Iterator[Array]:
    """The raw vectors of texts, part by part; the next part is read and tokenised while one goes through the model.

    Args:
        checkpoint: the model.
        parts: texts of any length, empty ones included; those of a part are in memory at once.
        shown: advances by texts.
        spent: is added to.

    Yields:
        texts × width, float32, in the order of the texts of a part.

    Raises:
        SettingsError: not even one text fits into the memory of the device.
    """
    tokenised = ahead(_tokenised(checkpoint, iter(parts)))
    while True:
        since = time.monotonic()
        found = next(tokenised, None)
        spent.seconds += time.monotonic() - since
        if found is None:
            return
        tokens, ends = found
        yield from np.split(encode_tokens(checkpoint, tokens, shown, spent), ends)


def encode_all(checkpoint: Checkpoint, texts: Sequence[str], shown: Progress, spent: EncodingCost) -> Array:
    """The raw vectors of texts in one part."""
    return next(encode(checkpoint, [texts], shown, spent))


def _tokenised(checkpoint: Checkpoint, parts: Iterator[Sequence[str]]) -> Iterator[tuple[list[list[int]], Array]]:
    """The tokens of as many parts as are encoded at once, and where one part ends and the next one starts."""
    while some := list(islice(parts, PARTS_AT_ONCE.get(checkpoint.device.type, 1))):
        yield tokenise(checkpoint, list(chain.from_iterable(some))), np.cumsum(list(map(len, some)))[:-1]


def encode_tokens(
    checkpoint: Checkpoint, tokens: Sequence[Sequence[int]], shown: Progress, spent: EncodingCost
) -> Array:
    """The same of what `tokenise` found."""
    since = time.monotonic()
    order: list[int] = []
    found = [torch.zeros((0, checkpoint.width))]  # stays on the device: copying each batch would wait for it
    waiting = _mixed(batches(list(map(len, tokens)), checkpoint.batch_tokens))
    with torch.inference_mode():
        for batch, pooled in _pooled(checkpoint, tokens, waiting, spent):
            order += batch
            found.append(pooled)
            now = time.monotonic()
            spent.seconds, since = spent.seconds + now - since, now
            shown.advance(len(batch), f"{spent.rate:,.0f} tokens/s")
        vectors: Array = torch.cat(found[1:] or found)[np.argsort(order)].cpu().numpy()
    spent.seconds += time.monotonic() - since
    return vectors


def batches(lengths: Sequence[int], batch_tokens: int) -> Iterator[list[int]]:
    """Groups texts of like length, the shortest first, so that almost nothing is padded.

    Args:
        lengths: tokens of each text.
        batch_tokens: most tokens of a batch; a longer text is a batch of its own.
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
    """Long and short texts by turns, so that what is done says how long the rest takes."""
    ordered = list(made)
    return [ordered[number] for number in np.random.default_rng(0).permutation(len(ordered))]


def tokenise(checkpoint: Checkpoint, texts: Sequence[str]) -> list[list[int]]:
    """The tokens of each text, at least one, and those of the prompt."""
    prompt = list(checkpoint.reading.prompt)
    longest = checkpoint.reading.max_tokens - len(prompt)
    cut = [text[: longest * CHARACTERS_OF_A_TOKEN] for text in texts]
    words: Any = checkpoint.tokenizer.backend_tokenizer  # asked itself, it holds up Python for a fifth of the time
    words.enable_truncation(longest)
    words.no_padding()
    return [(found.ids or [checkpoint.tokenizer.eos_token_id]) + prompt for found in words.encode_batch_fast(cut)]


def padded(tokens: Sequence[Sequence[int]], pad: int) -> tuple[Array, Array]:
    """Texts as a matrix of tokens, filled up with `pad`, and a mask that is 1 where a token is one of the text's."""
    lengths = np.fromiter(map(len, tokens), np.int64, len(tokens))
    mask = np.arange(lengths.max()) < lengths[:, None]
    ids = np.full(mask.shape, pad, np.int64)
    ids[mask] = np.fromiter(chain.from_iterable(tokens), np.int64, lengths.sum())
    return ids, mask.astype(np.int64)


def forward(checkpoint: Checkpoint, ids: Array, mask: Array) -> Tensor:
    """The raw vectors of a batch, float32, on the checkpoint's device: through here go training and encoding alike."""
    there = _to(checkpoint.device, mask)
    states = checkpoint.model(_to(checkpoint.device, ids), attention_mask=there, use_cache=False).last_hidden_state
    with torch.autocast(checkpoint.device.type, enabled=False):  # while learning: a mean of many tokens in eight bits
        return pool(states, there, checkpoint.reading)


def _pooled(
    checkpoint: Checkpoint, tokens: Sequence[Sequence[int]], waiting: list[list[int]], spent: EncodingCost
) -> Iterator[tuple[list[int], Tensor]]:
    """Batch by batch; one that does not fit into memory is halved, and so are those after it that are as large."""
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
            f"Not even one text of {mask.size} tokens fits into the memory of the device: lower encoder.max_tokens, "
            "take a smaller encoder.model, or encoder.device = cpu."
        ) from None


def _to(device: torch.device, array: Array) -> Tensor:
    """On a GPU from pinned memory, so that nobody waits for the copy."""
    tensor = torch.from_numpy(array)
    return tensor.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else tensor.to(device)
