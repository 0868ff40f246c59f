"""What the processor of this machine can do."""

import os

import faiss
import torch


def has_bfloat16() -> bool:
    """Whether it multiplies bfloat16 itself: others imitate it, slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def has_int8() -> bool:
    """Whether it multiplies whole numbers of 8 bits itself (VNNI): others take 30 times as long as with float32."""
    return bool(torch.cpu._is_vnni_supported() or torch.cpu._is_amx_tile_supported())


def use_threads(threads: int) -> None:
    """Lets torch and FAISS use some threads; 0 is all cores."""
    chosen = threads or os.cpu_count() or 1
    torch.set_num_threads(chosen)
    faiss.omp_set_num_threads(chosen)
