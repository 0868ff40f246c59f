"""Hidden states, items and groups for output layers, and a comparison of losses and their gradients."""

import numpy as np
import pytest
import torch

WIDTH, ITEMS = 8, 12


TARGETS, WEIGHTS = torch.randint(0, ITEMS, (40,), generator=torch.Generator().manual_seed(1)), torch.rand(40).double()


GROUP_OF = np.array([0, 1, 2, 0, 0, 1, 2, 2, 2, 0, 1, 0])


def parts(seed: int = 0) -> dict[str, torch.Tensor]:
    torch.manual_seed(seed)
    made = {
        "hidden": torch.randn(40, WIDTH),
        "items": torch.randn(ITEMS, WIDTH),
        "bias": torch.randn(ITEMS),
        "groups": torch.randn(3, WIDTH),
        "group_bias": torch.randn(3),
    }
    return {name: each.double().requires_grad_() for name, each in made.items()}


def check(
    loss: torch.Tensor,
    expected: torch.Tensor,
    a: dict[str, torch.Tensor],
    b: dict[str, torch.Tensor],
    names: tuple[str, ...],
) -> None:
    assert loss.item() == pytest.approx(expected.item(), rel=1e-6)
    (3 * loss).backward()
    (3 * expected).backward()
    for name in names:
        gradient, other = a[name].grad, b[name].grad
        assert gradient is not None, name
        assert other is not None, name
        assert torch.allclose(gradient, other, atol=1e-6), name
