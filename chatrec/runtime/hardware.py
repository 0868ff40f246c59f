"""Capabilities of this machine's processor."""

import os

import faiss
import torch


def has_bfloat16() -> bool:
    """Whether bfloat16 is native; emulated, it is slower than float32."""
    return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())


def use_threads(threads: int) -> None:
    """Set the number of threads of torch and FAISS; 0 means all cores."""
    chosen = threads or os.cpu_count() or 1
    torch.set_num_threads(chosen)
    faiss.omp_set_num_threads(chosen)
