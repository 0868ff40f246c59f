"""Linear layers with faster kernels.

On the CPU these are oneDNN's, with prepacked weights. GPT-2 on an AMD EPYC with AVX-512 was 1.4 times as fast as with
PyTorch's own float32 kernels (MKL, which is tuned for Intel): .15 from the layout, .2 from fusing the activation. On a
GPU only the fused activation helps.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from transformers.activations import GELUTanh, NewGELUActivation, SiLUActivation
from transformers.models.llama.modeling_llama import LlamaRMSNorm
from transformers.pytorch_utils import Conv1D

from chatrec.config.encoder import EncodingPrecision

ROWS = 2048
"""Batch size in tokens for which weights are packed; other sizes work too."""
FUSED = {"c_fc": "act", "gate_proj": "act_fn"}
"""Linear layers in the blocks of GPT-2 and of Llama-like models, and the activation that directly follows each."""
NOTHING, TANH = ("none", ""), ("gelu", "tanh")
ACTIVATIONS = {NewGELUActivation: TANH, GELUTanh: TANH, SiLUActivation: ("swish", "")}


class PackedLinear(nn.Module):
    """Linear layer with packed weights: act(xWᵀ + b)."""

    def __init__(self, linear: nn.Linear, activation: tuple[str, str]) -> None:
        super().__init__()
        self.weight = torch.ops.mkldnn._reorder_linear_weight(linear.weight.detach().contiguous(), ROWS)
        self.bias = None if linear.bias is None else linear.bias.detach()
        self.name, self.algorithm = activation

    def forward(self, x: Tensor) -> Tensor:
        """… × in to … × out."""
        out: Tensor = torch.ops.mkldnn._linear_pointwise(x, self.weight, self.bias, self.name, [], self.algorithm)
        return out


class GeluLinear(nn.Module):
    """gelu(xWᵀ + b) in one kernel on a GPU, where PyTorch uses the tanh approximation (on a CPU it does not)."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__()
        self.weight, self.bias = linear.weight.detach().T, linear.bias.detach()

    def forward(self, x: Tensor) -> Tensor:
        """… × in to … × out."""
        out: Tensor = torch._addmm_activation(self.bias, x.flatten(0, -2), self.weight, use_gelu=True)
        return out.view(*x.shape[:-1], -1)


def speed_up(model: Any, precision: EncodingPrecision, device: torch.device) -> None:
    """Replace linear layers of a model on its device by faster ones, in place, where there are any."""
    for owner, name, linear in list(_linear_maps(model)):
        if device.type == "cpu" and _packs(precision):
            setattr(owner, name, PackedLinear(linear, _take_activation(owner, name)))
        elif device.type == "cuda" and linear.bias is not None and _activation(owner, name) == TANH:
            _take_activation(owner, name)
            setattr(owner, name, GeluLinear(linear))
    if device.type == "cuda":
        for owner, name, norm in list(_parts(model, LlamaRMSNorm)):
            setattr(owner, name, _in_one_pass(norm))


def _packs(precision: EncodingPrecision) -> bool:
    has_onednn: bool = torch._C._has_mkldnn
    return has_onednn and (precision == "float32" or bool(torch.ops.mkldnn._is_mkldnn_bf16_supported()))


def _parts(model: nn.Module, kind: type | tuple[type, ...]) -> Iterator[tuple[nn.Module, str, Any]]:
    for owner in model.modules():
        for name, child in owner.named_children():
            if isinstance(child, kind):
                yield owner, name, child


def _linear_maps(model: nn.Module) -> Iterator[tuple[nn.Module, str, nn.Linear]]:
    for owner, name, part in _parts(model, (Conv1D, nn.Linear)):
        yield owner, name, _linear(part) if isinstance(part, Conv1D) else part


def _linear(transposed: Conv1D) -> nn.Linear:
    """GPT-2 stores its weights transposed."""
    width, out = transposed.weight.shape
    made = nn.Linear(width, out, device="meta")  # parameters are replaced below
    made.weight, made.bias = nn.Parameter(transposed.weight.detach().T), transposed.bias
    return made


def _in_one_pass(norm: LlamaRMSNorm) -> nn.RMSNorm:
    """RMSNorm in one kernel of PyTorch; Hugging Face uses six."""
    made = nn.RMSNorm(norm.weight.shape, norm.variance_epsilon, device="meta")  # parameters are replaced below
    made.weight = norm.weight
    return made


def _activation(owner: nn.Module, name: str) -> tuple[str, str]:
    """The activation that directly follows a linear layer; NOTHING if none is known."""
    return ACTIVATIONS.get(type(getattr(owner, FUSED.get(name, ""), None)), NOTHING)


def _take_activation(owner: nn.Module, name: str) -> tuple[str, str]:
    """The same activation, removed from its block."""
    activation = _activation(owner, name)
    if activation != NOTHING:
        setattr(owner, FUSED[name], nn.Identity())
    return activation
