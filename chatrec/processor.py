"""What the processor of this machine can do."""

import torch


def has_bfloat16() -> bool:
    """Whether it multiplies bfloat16 itself: others imitate it, slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
