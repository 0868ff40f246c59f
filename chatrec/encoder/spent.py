"""What encoding costs."""

from dataclasses import dataclass


@dataclass
class EncodingCost:
    """What encoding cost."""

    tokens: int = 0
    padded: int = 0
    """Tokens including padding."""
    seconds: float = 0.0
    halved: int = 0
    """How often a batch did not fit into memory."""

    @property
    def padding(self) -> float:
        """The share of tokens that are none of a text's."""
        return (self.padded - self.tokens) / max(self.padded, 1)

    @property
    def rate(self) -> float:
        """Tokens a second, padding not counted."""
        return self.tokens / max(self.seconds, 1e-9)
