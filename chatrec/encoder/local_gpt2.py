"""Train a compact GPT-2 on the catalogue's texts: a byte-level BPE and next-token prediction.

The model is kept as an ordinary Hugging Face folder. It serves until the catalogue has outgrown it (`outgrown`).
"""

import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2LMHeadModel, PreTrainedTokenizerFast

from chatrec.config.encoder import EncoderConfig
from chatrec.encoder import registry
from chatrec.encoder.checkpoint import choose_device
from chatrec.encoder.outgrown import sample_rows, token_length
from chatrec.encoder.training.loop import Plan, fit
from chatrec.encoder.training.next_token import BLOCK_TOKENS, NextToken, blocks_of
from chatrec.encoder.training.trainable import Learner
from chatrec.runs.digests import fingerprint
from chatrec.runs.results import TrainingSummary

END = "<|endoftext|>"
LEARNING_RATE = 1e-3
LETTERS_OF_A_TEXT = 20_000


def train(texts: Sequence[str], target: Path, settings: EncoderConfig, seed: int) -> TrainingSummary:
    """Train and save a tokenizer and a model.

    Args:
        texts: Texts of the catalogue.
        target: Folder to create.
        settings: `advanced.encoder.local` and `advanced.encoder.max_tokens`.
        seed: Seed of the weights and of the order of texts.

    Returns:
        A summary of the training, with losses in nats per token.
    """
    cut = [text[:LETTERS_OF_A_TEXT] for text in texts]
    tokenizer = _train_tokenizer(cut, settings.local.vocabulary)
    device = choose_device(settings.device)
    learner = Learner(_new_model(settings, len(tokenizer), seed).to(device), tokenizer, device)
    blocks = blocks_of(tokenizer, cut)
    objective = NextToken(learner, blocks, blocks[:0], seed)
    steps = settings.local.train_tokens // (objective.batch * BLOCK_TOKENS)
    plan, work = Plan(steps, LEARNING_RATE, seed), registry.work_folder(target)
    curve = fit(objective, plan, work, fingerprint(cut, settings.local.model_dump()), "Training the local GPT-2")
    summary = replace(
        curve.summary(),
        tokens=steps * objective.batch * BLOCK_TOKENS,
        texts=len({text for text in texts if text}),
        token_length=round(token_length(tokenizer.backend_tokenizer, [cut[row] for row in sample_rows(len(cut))]), 3),
    )
    with registry.creating(target, how="local", start="", pretrained=False, facts={"next_token": summary}) as partial:
        learner.save(partial)
        curve.save(partial, "curve-next-token")
    shutil.rmtree(work, ignore_errors=True)
    return summary


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


def _new_model(settings: EncoderConfig, vocabulary: int, seed: int) -> GPT2LMHeadModel:
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
    return GPT2LMHeadModel(config)
