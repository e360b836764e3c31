from __future__ import annotations

import pytest
import torch
from torch import nn

from trainer.export import batch_norms
from trainer.models import backbones


def settled(module: nn.Module) -> nn.Module:
    """Give every batch norm weights, biases and statistics of its own, and return the module for use."""
    random = torch.Generator().manual_seed(0)
    for norm in module.modules():
        if isinstance(norm, nn.BatchNorm2d):
            tensors = [norm.weight.data, norm.bias.data, norm.running_mean, norm.running_var]
            for tensor, (least, most) in zip(tensors, ((0.5, 1.5), (-1, 1), (-1, 1), (0.5, 2)), strict=True):
                assert isinstance(tensor, torch.Tensor)
                tensor.uniform_(least, most, generator=random)
    return module.eval()


@pytest.mark.parametrize("name", list(backbones.BODIES))
@torch.no_grad()
def test_every_body_computes_the_same_when_joined(name: str) -> None:
    """Features stay the same to rounding, and no batch norm is left out."""
    spec = backbones.BODIES[name]
    body = settled(backbones.build(name))
    crops = torch.rand(2, 3, spec.min_px, spec.min_px, generator=torch.Generator().manual_seed(1))
    before = body(crops)
    batch_norms.join(body)
    assert torch.allclose(body(crops), before, rtol=1e-3, atol=1e-4 * float(before.abs().max()))
    norms = [norm for norm in body.modules() if isinstance(norm, nn.BatchNorm2d)]
    assert all((norm.weight == 1).all() and not norm.running_mean.any() for norm in norms)


@torch.no_grad()
def test_a_bias_of_the_convolution_is_scaled_too() -> None:
    """A convolution that adds something before its batch norm adds the scaled sum."""
    module = settled(nn.Sequential(nn.Conv2d(3, 5, 3), nn.BatchNorm2d(5)))
    crops = torch.rand(2, 3, 8, 8)
    before = module(crops)
    batch_norms.join(module)
    assert torch.allclose(module(crops), before, atol=1e-5)
    assert torch.equal(module[1](torch.zeros(1, 5, 1, 1)).flatten(), module[1].bias)


@torch.no_grad()
def test_joined_twice() -> None:
    """What only adds already stays as it is, bit for bit."""
    module = settled(nn.Sequential(nn.Conv2d(3, 5, 3, bias=False), nn.BatchNorm2d(5)))
    batch_norms.join(module)
    before = {name: tensor.clone() for name, tensor in module.state_dict().items()}
    batch_norms.join(module)
    assert all(torch.equal(tensor, before[name]) for name, tensor in module.state_dict().items())
