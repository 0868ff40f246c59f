"""A compact GPT-2 of your own: a byte-level BPE and next-token prediction on the catalogue's text.

It is trained once and kept as an ordinary Hugging Face folder; a changed catalogue does not change it.
"""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast, get_cosine_schedule_with_warmup
from transformers.utils import logging as transformers_logging

from chatrec.progress import progress
from chatrec.run import fingerprint, replacing
from chatrec.settings.model import Encoder as EncoderSettings
from chatrec.source.snapshot import Array

LOG = logging.getLogger(__name__)
END = "<|endoftext|>"
BLOCK_TOKENS = 128
BATCH_BLOCKS = 16
LEARNING_RATE = 1e-3
LETTERS_OF_A_TEXT = 20_000


def folder_of(root: Path, settings: EncoderSettings, seed: int) -> Path:
    """Where the encoder with these settings is, or will be."""
    mark = fingerprint(settings.local.model_dump(), settings.max_tokens, seed)[:12]
    return root / "encoders" / f"local-{mark}"


def train(texts: Sequence[str], target: Path, settings: EncoderSettings, seed: int) -> dict[str, Any]:
    """Trains a tokenizer and a model and saves them.

    Args:
        texts: the catalogue's.
        target: the folder to make.
        settings: `encoder.local` and `encoder.max_tokens`.
        seed: of weights and of the order of texts.

    Returns:
        Tokens read, the first and the last loss in nats a token.
    """
    cut = [text[:LETTERS_OF_A_TEXT] for text in texts]
    tokenizer = _train_tokenizer(cut, settings.local.vocabulary)
    model = _new_model(settings, len(tokenizer), seed)
    transformers_logging.disable_progress_bar()
    facts = _fit(model, _blocks(tokenizer, cut), settings.local.train_tokens, seed)
    with replacing(target) as partial:
        model.save_pretrained(partial)
        tokenizer.save_pretrained(partial)
    return facts


def _train_tokenizer(texts: Sequence[str], vocabulary: int) -> PreTrainedTokenizerFast:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=[END],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, bos_token=END, eos_token=END, pad_token=END, unk_token=END
    )


def _new_model(settings: EncoderSettings, vocabulary: int, seed: int) -> GPT2LMHeadModel:
    torch.manual_seed(seed)
    width = settings.local.width
    config = GPT2Config(
        vocab_size=vocabulary,
        n_positions=max(settings.max_tokens, BLOCK_TOKENS),
        n_embd=width,
        n_layer=settings.local.layers,
        n_head=max(1, width // 64),
        bos_token_id=0,
        eos_token_id=0,
        pad_token_id=0,
    )
    model = GPT2LMHeadModel(config)
    model.loss_type = "ForCausalLM"  # what it is by default, but transformers 5.23 warns unless it is said
    return model


def _blocks(tokenizer: PreTrainedTokenizerFast, texts: Sequence[str]) -> Array:
    """All texts one after another, an end-of-text token between them, cut into blocks."""
    end = tokenizer.eos_token_id
    tokens = [token for ids in (tokenizer(list(texts))["input_ids"] if texts else []) for token in [*ids, end]]
    usable = max(len(tokens) // BLOCK_TOKENS, 1) * BLOCK_TOKENS
    padded = (tokens + [end] * usable)[:usable]
    return np.array(padded, np.int64).reshape(-1, BLOCK_TOKENS)


def _fit(model: GPT2LMHeadModel, blocks: Array, train_tokens: int, seed: int) -> dict[str, Any]:
    batch = min(BATCH_BLOCKS, len(blocks))
    steps = train_tokens // (batch * BLOCK_TOKENS)
    optimiser = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.01)
    schedule = get_cosine_schedule_with_warmup(optimiser, steps // 20, max(steps, 1))
    losses: list[float] = []
    model.train()
    with progress("Training the local GPT-2", steps, "steps") as shown:
        for rows in _shuffled(len(blocks), batch, steps, seed):
            ids = torch.from_numpy(blocks[rows])
            loss = model(ids, attention_mask=torch.ones_like(ids), labels=ids).loss
            optimiser.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            losses.append(loss.item())
            shown.advance(note=f"loss {losses[-1]:.2f}")
    ends = {"first loss": round(losses[0], 3), "last loss": round(losses[-1], 3)} if losses else {}
    return {"tokens trained": steps * batch * BLOCK_TOKENS, **ends}


def _shuffled(blocks: int, batch: int, steps: int, seed: int) -> Iterator[Array]:
    """Batches of block numbers: every block comes once before any comes again."""
    random = np.random.default_rng(seed)
    queue: Array = np.empty(0, np.int64)
    for _ in range(steps):
        while len(queue) < batch:
            queue = np.concatenate([queue, random.permutation(blocks)])
        yield queue[:batch]
        queue = queue[batch:]
