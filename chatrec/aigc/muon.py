"""Muon (Jordan et al. 2024): orthogonalised momentum for the weight matrices of a network.

torch.optim.Muon multiplies in bfloat16, which is slow on many CPUs; this version uses float32.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

MOMENTUM = 0.95
STEPS = 5
LINEAR, CUBIC, QUINTIC = 3.4445, -4.7750, 2.0315
"""Coefficients of the published iteration, which is steepest at zero and needs few steps."""


class Muon(torch.optim.Optimizer):
    """Nesterov momentum with singular values near 1.

    Args:
        parameters: Matrices.
        rate: Learning rate. A matrix with more rows than columns moves √(rows / columns) times as far.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], rate: float) -> None:
        super().__init__(parameters, {"lr": rate})

    @torch.no_grad()
    def step(self, closure: None = None) -> None:  # type: ignore[override]
        """Updates each matrix that has a gradient."""
        for group in self.param_groups:
            for matrix in group["params"]:
                if matrix.grad is None:
                    continue
                momentum = self.state[matrix].setdefault("momentum", torch.zeros_like(matrix))
                momentum.lerp_(matrix.grad, 1 - MOMENTUM)
                rows, columns = matrix.shape
                rate = group["lr"] * max(1.0, rows / columns) ** 0.5
                matrix.add_(orthogonal(matrix.grad.lerp(momentum, MOMENTUM)), alpha=-rate)


def orthogonal(matrix: Tensor) -> Tensor:
    """Returns approximately U Vᵀ of a matrix U S Vᵀ by Newton-Schulz iteration, with singular values from .7 to 1.2."""
    if len(matrix) > matrix.shape[1]:
        return orthogonal(matrix.T).T
    result: Tensor = matrix / matrix.norm().clamp(min=1e-7)
    for _ in range(STEPS):
        gram = result @ result.T
        result = LINEAR * result + torch.addmm(gram, gram, gram, beta=CUBIC, alpha=QUINTIC) @ result
    return result
