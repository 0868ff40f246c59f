"""What the processor of this machine can do."""

import torch


def has_bfloat16() -> bool:
    """Whether it multiplies bfloat16 itself: others imitate it, slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def has_int8() -> bool:
    """Whether it multiplies whole numbers of 8 bits itself (VNNI): others take 30 times as long as with float32."""
    return bool(torch.cpu._is_vnni_supported() or torch.cpu._is_amx_tile_supported())
