"""Cost of encoding."""

from dataclasses import dataclass


@dataclass
class EncodingCost:
    """Tokens, padding and time of encoding so far."""

    tokens: int = 0
    padded: int = 0
    """Tokens including padding."""
    seconds: float = 0.0
    halved: int = 0
    """Number of batches that did not fit into memory."""

    @property
    def padding(self) -> float:
        """Fraction of padding tokens."""
        return (self.padded - self.tokens) / max(self.padded, 1)

    @property
    def rate(self) -> float:
        """Tokens per second, without padding."""
        return self.tokens / max(self.seconds, 1e-9)
