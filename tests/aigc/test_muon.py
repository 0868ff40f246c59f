"""Muon: what an orthogonal matrix is, and torch's own optimiser, which multiplies in bfloat16."""

import pytest
import torch
from torch import nn

from chatrec.aigc.muon import Muon, orthogonal


@pytest.mark.parametrize("shape", [(8, 8), (24, 8), (8, 24)])
def test_singular_values_come_near_one_and_directions_stay(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    left, _, right = torch.linalg.svd(matrix, full_matrices=False)
    values = torch.diagonal(left.T @ orthogonal(matrix) @ right.T)
    assert ((values > 0.6) & (values < 1.3)).all()
    assert torch.allclose(orthogonal(matrix), left @ torch.diag(values) @ right, atol=1e-4)


def test_it_moves_as_torchs() -> None:
    torch.manual_seed(0)
    start, rate = torch.randn(24, 8), 0.02
    ours, theirs = nn.Parameter(start.clone()), nn.Parameter(start.clone())
    optimisers = Muon([ours], rate), torch.optim.Muon([theirs], lr=rate, weight_decay=0)
    for _ in range(5):
        ours.grad = theirs.grad = torch.randn_like(start)
        for optimiser in optimisers:
            optimiser.step()
    assert torch.allclose(ours - start, theirs - start, atol=0.03 * (ours - start).abs().max().item())


def test_what_has_no_gradient_stays() -> None:
    matrix = nn.Parameter(torch.ones(2, 2))
    Muon([matrix], 0.1).step()
    assert (matrix == 1).all()
