"""Encoding speed of chatrec and of sentence-transformers, with the same weights and pooling, in alternating rounds."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import GPT2Config, GPT2Model, PreTrainedTokenizerFast

from chatrec.config.encoder import EncoderConfig, EncodingPrecision
from chatrec.data.arrays import Array
from chatrec.encoder.checkpoint import Checkpoint, load
from chatrec.encoder.encode import encode, encode_tokens, tokenise
from chatrec.encoder.spent import EncodingCost
from chatrec.encoder.vector_cache import TEXTS_OF_A_PART
from chatrec.runtime.progress import Silent, progress

END = "<|endoftext|>"
TOKENS = 128
"""Length to which both truncate texts."""
DEFAULT_BATCH = 32
"""Default batch size of sentence-transformers."""
OURS, OTHER = "chatrec", "sentence-transformers"
PRECISIONS: dict[str, tuple[EncodingPrecision, ...]] = {
    "cpu": ("float32",),
    "cuda": ("float32", "bfloat16"),
}
FACTOR = 2
"""Floating-point operations per weight and token."""
SIDE, PRODUCTS = 8192, 20


@dataclass
class Run:
    """An encoder, and the seconds of its rounds."""

    encode: Callable[[Sequence[str]], Array]
    seconds: list[float] = field(default_factory=list)
    vectors: Array | None = None
    padding: float = 0.0

    @property
    def median(self) -> float:
        """Median seconds of a round."""
        return float(np.median(self.seconds))


def make_gpt2(folder: Path, texts: Sequence[str], shape: Mapping[str, int]) -> None:
    """Saves an untrained GPT-2, and a byte-level BPE trained on texts.

    Args:
        folder: Folder to create.
        texts: Training texts of the BPE.
        shape: Arguments of GPT2Config; empty for GPT-2 with 124 M weights.
    """
    config = GPT2Config(**shape)
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    letters = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(vocab_size=config.vocab_size, special_tokens=[END], initial_alphabet=letters)
    tokenizer.train_from_iterator(texts, trainer)
    torch.manual_seed(0)
    GPT2Model(config).save_pretrained(folder)
    PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END).save_pretrained(folder)


def compare(source: str, texts: Sequence[str], rounds: int) -> tuple[dict[str, Run], int, int]:
    """Encodes texts with each encoder, in alternating rounds.

    Args:
        source: Folder or hub name of the model.
        texts: Texts of any length.
        rounds: Number of rounds.

    Returns:
        Runs by name, sentence-transformers last; number of tokens of the texts; number of multiplied weights.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    checkpoints = {precision: _checkpoint(source, precision, device) for precision in PRECISIONS[device]}
    spent = {precision: EncodingCost() for precision in checkpoints}
    runs = {
        f"{OURS}, {precision}": _ours(checkpoint, spent[precision]) for precision, checkpoint in checkpoints.items()
    }
    if device == "cuda":
        runs[f"{OURS}, bfloat16, without tokenisation"] = Run(_tokens_only(checkpoints["bfloat16"], texts))
        runs[f"{OTHER}, bfloat16"] = Run(_other(source, device, torch.bfloat16))
    runs[f"{OTHER}, float32"] = Run(_other(source, device, torch.float32))
    for run in runs.values():
        run.encode(texts[:DEFAULT_BATCH])
    for cost in spent.values():
        cost.tokens = cost.padded = 0
    for _ in range(rounds):
        for run in runs.values():
            since = time.perf_counter()
            run.vectors = run.encode(texts)
            run.seconds.append(time.perf_counter() - since)
    for precision, cost in spent.items():
        runs[f"{OURS}, {precision}"].padding = cost.padding
    first = next(iter(spent.values()))
    model = next(iter(checkpoints.values())).model
    tables = sum(part.weight.numel() for part in model.modules() if isinstance(part, torch.nn.Embedding))
    return runs, first.tokens // rounds, next(iter(checkpoints.values())).weights - tables


def matrix_rate() -> float:
    """Returns floating-point operations per second of a large bfloat16 product on the GPU."""
    a, b = (torch.randn(SIDE, SIDE, device="cuda", dtype=torch.bfloat16) for _ in range(2))
    a @ b
    torch.cuda.synchronize()
    since = time.perf_counter()
    for _ in range(PRODUCTS):
        a @ b
    torch.cuda.synchronize()
    return FACTOR * SIDE**3 * PRODUCTS / (time.perf_counter() - since)


def _checkpoint(source: str, precision: EncodingPrecision, device: str) -> Checkpoint:
    settings = EncoderConfig(precision=precision, first_token=True, max_tokens=TOKENS, device=device)
    return load(source, settings, pretrained=False)


def _ours(checkpoint: Checkpoint, spent: EncodingCost) -> Run:
    def all_of(texts: Sequence[str]) -> Array:
        with progress("Encoding", len(texts), "texts") as shown:
            parts = (texts[start : start + TEXTS_OF_A_PART] for start in range(0, len(texts), TEXTS_OF_A_PART))
            return np.concatenate(list(encode(checkpoint, parts, shown, spent)))

    return Run(all_of)


def _tokens_only(checkpoint: Checkpoint, texts: Sequence[str]) -> Callable[[Sequence[str]], Array]:
    """Returns an encoder of texts that are already tokenised, to measure the model alone."""
    tokens = tokenise(checkpoint, texts)
    return lambda some: encode_tokens(checkpoint, tokens[: len(some)], Silent(), EncodingCost())


def _other(source: str, device: str, dtype: torch.dtype) -> Callable[[Sequence[str]], Array]:
    from sentence_transformers import SentenceTransformer
    from sentence_transformers.models import Pooling, Transformer

    words = Transformer(source, max_seq_length=TOKENS, model_args={"dtype": dtype})
    words.tokenizer.pad_token = words.tokenizer.pad_token or words.tokenizer.eos_token
    words.tokenizer.padding_side = "right"
    pooled = Pooling(words.get_word_embedding_dimension(), "mean")
    model = SentenceTransformer(modules=[words, pooled], device=device)
    return lambda texts: np.asarray(
        model.encode(list(texts), batch_size=DEFAULT_BATCH, show_progress_bar=False), np.float32
    )
