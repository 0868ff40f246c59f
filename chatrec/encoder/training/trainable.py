"""The model that is trained, and the selection of its trainable weights."""

import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from transformers import AutoModelForCausalLM, PreTrainedTokenizerBase
from transformers.pytorch_utils import Conv1D
from transformers.utils import logging as transformers_logging

from chatrec.config.encoder import Device, EncoderConfig
from chatrec.config.finetune import Method
from chatrec.encoder.checkpoint import Checkpoint, choose_device, cut, read
from chatrec.encoder.pooling_config import PoolingConfig
from chatrec.errors import SettingsError


@dataclass(frozen=True)
class Learner:
    """A causal language model to train: float32, with its head, on its device."""

    model: Any
    tokenizer: PreTrainedTokenizerBase
    device: torch.device
    merge: Callable[[], Any] = lambda: None
    """Merges adapters into the weights."""

    @classmethod
    def open(cls, name: str | Path, device: Device) -> "Learner":
        """Load a model to train.

        Args:
            name: A hub name, a folder as `save_pretrained` writes it, or a GGUF file.
            device: Device to train on.

        Raises:
            SettingsError: If the model cannot be loaded. Names `encoder.model`.
        """
        model, tokenizer = read(AutoModelForCausalLM, name)
        if hasattr(model, "hf_quantizer"):  # loaded from GGUF: weights are float32 now and can be saved
            del model.hf_quantizer, model.config.quantization_config
            model.is_quantized = False
        chosen = choose_device(device)
        return cls(model.to(chosen), tokenizer, chosen)

    @contextmanager
    def reading(self, settings: EncoderConfig, pretrained: bool) -> Iterator[Checkpoint]:
        """Yield the part that encodes, as `checkpoint.load` returns it, with trainable weights.

        The layers after it are restored when the block ends.

        Args:
            settings: Layer, pooling, prompt and text length.
            pretrained: Whether the model was trained on more than the catalogue.
        """
        reader = self.model.base_model
        how = PoolingConfig.of(reader, self.tokenizer, settings, pretrained)
        restore = cut(reader, how.layers)
        yield Checkpoint(reader, self.tokenizer, self.device, "", how)
        restore()

    def save(self, folder: Path) -> None:
        """Save model and tokenizer as an ordinary folder; adapters are merged into the weights."""
        transformers_logging.disable_progress_bar()
        self.merge()
        self.model.save_pretrained(folder)
        self.tokenizer.save_pretrained(folder)


def adapt(learner: Learner, method: Method, rank: int, seed: int) -> Learner:
    """Select the trainable weights.

    Args:
        learner: The model, changed in place.
        method: "full" trains all weights, "bias" the biases alone (BitFit: Ben Zaken et al. 2022, arXiv:2106.10199),
            "lora" low-rank adapters of the linear layers (Hu et al. 2021, arXiv:2106.09685).
        rank: Rank of the adapters.
        seed: Seed of their initial values.

    Raises:
        SettingsError: If the model has no biases, or peft is not installed.
    """
    if method == "lora":
        return _with_lora(learner, rank, seed)
    if method == "bias":
        biases = {name for name, _ in learner.model.named_parameters() if name.endswith("bias")}
        if not biases:
            raise SettingsError("finetune.method bias: this model has no biases. Write full or lora.")
        for name, weight in learner.model.named_parameters():
            weight.requires_grad_(name in biases)
    return learner


def _with_lora(learner: Learner, rank: int, seed: int) -> Learner:
    try:
        from peft import LoraConfig, get_peft_model
    except ModuleNotFoundError:
        raise SettingsError("finetune.method lora needs peft: `pip install 'chatrec[finetune]'`.") from None

    torch.manual_seed(seed)
    transposed = any(isinstance(module, Conv1D) for module in learner.model.modules())
    config = LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", fan_in_fan_out=transposed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # peft uses a deprecated name of transformers
        added = get_peft_model(learner.model, config)  # changes the model in place
    return Learner(learner.model, learner.tokenizer, learner.device, added.merge_and_unload)
