"""Fine-tuning of the text encoder."""

from typing import Literal

from pydantic import Field

from chatrec.config.section import Section

Method = Literal["full", "bias", "lora"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]


class Finetune(Section):
    """`chatrec finetune` trains the live encoder on the items that users take, and replaces it if it improves."""

    method: Method = "full"
    """Weights to train: full (all), bias (biases only, BitFit) or lora (low-rank adapters, installed by `pip install
    'chatrec[finetune]'`)."""
    steps: int = Field(300, ge=0)
    """Maximum number of contrastive steps, on pairs of items that one user took in close succession."""
    promote: bool = True
    """Promote a candidate to the live encoder if its gain is significantly above zero."""


class AdvancedFinetune(Section):
    """Course of a fine-tuning."""

    tokens: int = Field(0, ge=0)
    """Number of catalogue and user text tokens for continued next-token training, before the contrastive training. 0
    skips it."""
    pairs: int = Field(64, ge=2, le=65_536)
    """Pairs per batch. The other items of the batch serve as negatives."""
    accumulate: int = Field(1, ge=1, le=1024)
    """Batches whose gradients are accumulated for one step, for more pairs than fit into memory."""
    learning_rate: float = Field(0, ge=0, le=1)
    """Learning rate. 0 chooses by the method and the width of the model."""
    eval_every: int = Field(30, ge=1)
    """Number of steps between evaluations on held-out items."""
    patience: int = Field(4, ge=0)
    """Number of evaluations without improvement before training stops. The weights of the best evaluation are kept. 0
    disables early stopping."""
    lora_rank: int = Field(8, ge=1, le=1024)
    """Rank of the LoRA adapters."""
    precision: Precision = "auto"
    """Precision of matrix products in training. auto uses bfloat16 where the processor or the GPU supports it, float16
    on an older GPU, and float32 elsewhere."""
    keep: int = Field(3, ge=1, le=1000)
    """Number of fine-tuned encoders to keep on disk, besides the live one and its predecessor."""


class FinetuneConfig(Finetune, AdvancedFinetune):
    """`[finetune]` and `[advanced.finetune]` together."""
