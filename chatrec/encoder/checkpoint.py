"""Causal language models for encoding, loaded from the Hugging Face hub, a folder or a GGUF file."""

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, redirect_stderr
from dataclasses import asdict, dataclass
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer, PreTrainedTokenizerBase
from transformers.utils import logging as transformers_logging

from chatrec.config.encoder import EncoderConfig, EncodingPrecision
from chatrec.encoder.attention import without_mask
from chatrec.encoder.fast_linear import speed_up
from chatrec.encoder.pooling_config import PoolingConfig, blocks
from chatrec.errors import SettingsError
from chatrec.runtime.hardware import has_bfloat16

GGUF = ".gguf"
BATCH_TOKENS = {"cpu": 2048}
LARGE_BATCH = 32_768
"""Tokens of a batch on devices other than the CPU."""


@dataclass(frozen=True)
class Checkpoint:
    """A model on its device, with its tokenizer, its pooling config, and a digest of these."""

    model: Any
    """Its `last_hidden_state` is pooled."""
    tokenizer: PreTrainedTokenizerBase
    device: torch.device
    fingerprint: str
    reading: PoolingConfig
    weights: int = 0
    """Number of parameters."""
    batch_tokens: int = BATCH_TOKENS["cpu"]

    @property
    def width(self) -> int:
        """Length of a raw vector."""
        return len(self.reading.layers) * int(self.model.config.hidden_size)


def load(source: str | Path, settings: EncoderConfig, pretrained: bool = True) -> Checkpoint:
    """Load a model for encoding.

    Args:
        source: A hub name, a folder as `save_pretrained` writes it, or a GGUF file.
        settings: Device, layer, pooling, prompt and text length.
        pretrained: Whether the model was trained on more than the catalogue. Decides the values that the settings
            leave open.

    Raises:
        SettingsError: If the model does not exist, cannot be loaded or has fewer layers, or if the prompt leaves no
            room for texts. Names the setting.
    """
    model, tokenizer = read(AutoModel, source)
    reading = PoolingConfig.of(model, tokenizer, settings, pretrained)
    cut(model, reading.layers)
    without_mask(model)
    device = choose_device(settings.device)
    precision = choose_precision(settings.precision, device, pretrained)
    mark = _fingerprint(model, tokenizer, json.dumps([asdict(reading), precision], sort_keys=True))
    weights = sum(part.numel() for part in model.parameters())
    model.eval().to(device=device, dtype=torch.bfloat16 if precision == "bfloat16" else torch.float32)
    speed_up(model, precision, device)
    batch = settings.batch_tokens or BATCH_TOKENS.get(device.type, LARGE_BATCH)
    return Checkpoint(model, tokenizer, device, mark, reading, weights, batch)


def source_arguments(source: str | Path) -> dict[str, str]:
    """Arguments of `from_pretrained` for a hub name, a folder, or a GGUF file."""
    path = Path(source)
    if path.suffix == GGUF:
        return {"pretrained_model_name_or_path": str(path.parent), "gguf_file": path.name}
    return {"pretrained_model_name_or_path": str(source)}


@contextmanager
def without_bars() -> Iterator[None]:
    """Load with transformers without progress bars, which would clutter a log."""
    transformers_logging.disable_progress_bar()
    with redirect_stderr(StringIO()):  # reading GGUF draws a bar that no setting turns off
        yield


def read(kind: Any, source: str | Path) -> tuple[Any, PreTrainedTokenizerBase]:
    """Load a model in float32 and its tokenizer.

    Args:
        kind: AutoModel for the part that encodes, AutoModelForCausalLM for the whole model.
        source: A hub name, a folder, or a GGUF file.

    Raises:
        SettingsError: If the model does not exist or cannot be loaded. Names `encoder.model`.
    """
    where = source_arguments(source)
    try:
        with without_bars():
            tokenizer = AutoTokenizer.from_pretrained(**where)
            model = kind.from_pretrained(**where, dtype=torch.float32)
    except (OSError, ValueError, KeyError, ImportError) as error:
        reason = " ".join(str(error).split())[:300]
        raise SettingsError(
            f"encoder.model {str(source)!r} cannot be loaded: {reason} Write auto, local, a folder with a model, or "
            "the name of one on the hub (which needs the network)."
        ) from None
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token  # GPT-2 has none; padding is masked
    tokenizer.padding_side = "right"
    return model, tokenizer


def cut(model: Any, layers: Sequence[int]) -> Callable[[], None]:
    """Remove the blocks after the deepest of the given layers, in place.

    The model then returns the residual stream after each layer (`hidden_states[layer]` of Hugging Face), concatenated.
    After the last layer of the model its final norm is applied.

    Args:
        model: The part of a causal language model that encodes.
        layers: Numbers of layers, from 1.

    Returns:
        A function that restores the model.

    Raises:
        SettingsError: If the model has fewer layers. Names `advanced.encoder.layer`.
    """
    own = blocks(model)
    if max(layers) > len(own):
        raise SettingsError(f"advanced.encoder.layer {max(layers)} is more than the {len(own)} layers of the model.")
    last, behind = len(own), list(own[max(layers) :])
    del own[max(layers) :]
    streams: dict[int, Tensor] = {}

    def keep(layer: int, _: nn.Module, __: Any, output: Any) -> None:
        streams[layer] = output[0] if isinstance(output, tuple) else output

    def give(_: nn.Module, __: Any, output: Any) -> Any:
        streams[last] = output.last_hidden_state
        output.last_hidden_state = torch.cat([streams[layer] for layer in layers], -1)
        streams.clear()
        return output

    hooks = [own[layer - 1].register_forward_hook(partial(keep, layer)) for layer in {*layers} - {last}]
    hooks.append(model.register_forward_hook(give))

    def restore() -> None:
        for hook in hooks:
            hook.remove()
        own.extend(behind)

    return restore


def choose_device(wanted: str) -> torch.device:
    """Resolve `encoder.device`; "auto" takes CUDA, then MPS, then the CPU."""
    if wanted != "auto":
        return torch.device(wanted)
    if torch.cuda.is_available():
        return torch.device("cuda")
    return torch.device("mps" if torch.backends.mps.is_available() else "cpu")


def choose_precision(wanted: EncodingPrecision, device: torch.device, pretrained: bool) -> EncodingPrecision:
    """Resolve `advanced.encoder.precision`; "auto" is a fixed rule, so that a machine always gets the same vectors."""
    if wanted != "auto":
        return wanted
    native = device.type == "cuda" or (device.type == "cpu" and pretrained and has_bfloat16())
    return "bfloat16" if native else "float32"


def _fingerprint(model: Any, tokenizer: Any, used: str) -> str:
    """Digest of everything that determines the vector of a text: weights, tokenizer and pooling."""
    total = hashlib.sha256(used.encode())
    for name, weights in sorted(model.state_dict().items()):
        total.update(name.encode())
        total.update(weights.detach().contiguous().reshape(-1).view(torch.uint8).numpy().data)
    total.update(tokenizer.backend_tokenizer.to_str().encode())
    return total.hexdigest()[:16]
