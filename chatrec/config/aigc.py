"""AIGC, and the item groups that it attends to."""

from typing import Literal

from pydantic import Field

from chatrec.config.section import Section

NetPrecision = Literal["auto", "float32", "bfloat16"]
"""Values of `AdvancedAigc.precision`."""

LARGE_LOG = 20_000
"""Number of events from which a log can tell costly models from simple ones."""


class Groups(Section):
    """Item groups, over which a user's attention is distributed."""

    source: Literal["auto", "categories", "kmeans"] = "auto"
    """Origin of the groups: categories (your `groups` column), kmeans (clusters of item vectors) or auto (categories if
    at least half of the items have one)."""
    count: int = Field(0, ge=0)
    """Number of k-means clusters. 0 uses the square root of the number of items."""


class Aigc(Section):
    """Attention-based Item-to-Group Collaborative filtering."""

    users: Literal["sequence", "mean"] = "sequence"
    """User embedding: sequence (a small GPT-2 reads the history in order) or mean (the mean of the item vectors of the
    history)."""
    minutes: float = Field(10, ge=0, le=100_000)
    """Time budget for training the sequence network, in minutes. The amount of training that fits is measured on the
    first run and kept for later runs. 0 disables the network; item vectors are then PPMI-SVD factors, used for groups
    and explanations only."""


class AdvancedAigc(Section):
    """Networks of AIGC and their training."""

    output: Literal["auto", "items", "groups"] = "auto"
    """Output layer of the sequence network: items (one softmax over items), groups (attention over groups, then a
    softmax over the items of a group) or auto (groups from 5,000 items on)."""
    vectors: Literal["both", "given", "learned"] = "both"
    """Item vectors when `aigc.users` is mean: given (projected GPT-2 vectors), learned (trained on the interactions) or
    both (their sum)."""
    width: int = Field(0, ge=0, le=1024)
    """Dimensions of the item, group and user vectors of each network. 0 chooses by the number of events."""
    history: int = Field(0, ge=0, le=1000)
    """Number of latest events that form a user's vector. 0 chooses automatically."""
    epochs: int = Field(0, ge=0, le=1000)
    """Maximum number of epochs. 0 chooses automatically."""
    min_events: int = Field(LARGE_LOG, ge=0)
    """Number of events from which the sequence network is trained. Fewer events cannot tell it from simpler models."""
    networks: int = Field(0, ge=0, le=16)
    """Number of networks, trained from different seeds if time permits; their logits are averaged. 0 chooses: 1 if the
    target is random or there are 300,000 events or more, else 4."""
    precision: NetPrecision = "auto"
    """Precision of matrix products in training. auto uses bfloat16 where the processor supports it."""


class AigcConfig(Aigc, AdvancedAigc):
    """`[aigc]` and `[advanced.aigc]` together."""
