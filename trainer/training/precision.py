"""Number format of training and judging: bfloat16 where the device computes it, float32 elsewhere."""

from __future__ import annotations

import torch

BF16_INSTRUCTIONS = ("avx512_bf16", "amx_bf16", "bf16")
"""Capabilities of x86 and ARM processors that compute bfloat16, as `torch.cpu.get_capabilities` has them."""


def computes_bf16(device_type: str) -> bool:
    """Return whether a device of a type, "cpu" or "cuda", computes bfloat16 itself.

    PyTorch emulates it on other processors, where a step then takes four times as long as in float32
    (ResNet-18 at 32 px on an AMD EPYC with AVX2).
    """
    if device_type != "cpu":
        return True
    capabilities = torch.cpu.get_capabilities()
    return any(capabilities.get(name, False) for name in BF16_INSTRUCTIONS)


def autocast(device_type: str, *, enabled: bool = True) -> torch.autocast:
    """Return a context in which networks compute in bfloat16 if the device does."""
    return torch.autocast(device_type, torch.bfloat16, enabled=enabled and computes_bf16(device_type))
