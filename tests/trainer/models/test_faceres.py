from __future__ import annotations

import shutil
import subprocess
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional

from simsvc.errors import BundleDamaged, BundleMissing
from trainer.models import backbones, faceres


def _published(seed: int = 0) -> dict[str, np.ndarray]:
    """Return arrays of the published file's names and shapes, with random numbers."""
    random = np.random.default_rng(seed)

    def some(*shape: int) -> np.ndarray:
        return (random.normal(0, 0.5, shape) / np.sqrt(max(1, np.prod(shape[:-1])))).astype(np.float32)

    values = {"conv1/convolution/merged_input": some(3, 3, 3, 32), "conv1_bn/batchnorm_1/sub": some(32)}
    channels = [32, 64, 128, 128, 256, 256, *[512] * 6, 1024, 1024]
    for number, (wide, out) in enumerate(pairwise(channels), start=1):
        values[f"conv_dw_{number}/depthwise_kernel"] = some(3, 3, wide, 1)
        values[f"conv_dw_{number}_bn/batchnorm_1/mul"] = some(wide) + 1
        values[f"conv_dw_{number}_bn/batchnorm_1/sub"] = some(wide)
        values[f"conv_pw_{number}/convolution/merged_input"] = some(1, 1, wide, out)
        values[f"conv_pw_{number}_bn/batchnorm_1/sub"] = some(out)
    for name, sides in (("feats", (1024, 256)), ("age_pred", (256, 100))):
        values |= {f"{name}/kernel": some(*sides), f"{name}/bias": some(sides[1])}
    return values


def test_weights_are_those_of_the_published_graph() -> None:
    """Stem and first block compute what the published nodes do: BGR, padding at the end, scale and shift."""
    values = _published()
    net = faceres.FaceresNet()
    net.load_state_dict(faceres.read_weights(values))
    rgb = torch.randn(1, 3, 32, 32, generator=torch.manual_seed(0))
    kernel = torch.from_numpy(values["conv1/convolution/merged_input"].transpose(3, 2, 0, 1).copy())
    bgr = functional.pad(rgb.flip(1), (0, 1, 0, 1))
    x = functional.conv2d(bgr, kernel, stride=2) + _column(values["conv1_bn/batchnorm_1/sub"])
    x = functional.relu6(x)
    depthwise = torch.from_numpy(values["conv_dw_1/depthwise_kernel"].transpose(2, 3, 0, 1).copy())
    x = functional.conv2d(x, depthwise, padding=1, groups=32)
    x = x * _column(values["conv_dw_1_bn/batchnorm_1/mul"]) + _column(values["conv_dw_1_bn/batchnorm_1/sub"])
    with torch.no_grad():
        wanted = functional.relu6(x)
        found = functional.relu6(net.body.blocks[0]["depthwise"](functional.relu6(net.body.stem(rgb))))
        assert found.numpy() == pytest.approx(wanted.numpy(), abs=1e-5)
        assert net(rgb).shape == (1, faceres.AGES)


def _column(values: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(values).view(1, -1, 1, 1)


@pytest.mark.parametrize(("size_px", "side"), [(160, 5), (176, 6), (224, 7)])
def test_the_body_is_cut_before_its_pooling(size_px: int, side: int) -> None:
    """A map of 1,024 features, a thirty-second of the input's side, rounded up."""
    body = backbones.build("faceres").eval()
    with torch.no_grad():
        assert body(torch.zeros(1, 3, size_px, size_px)).shape == (1, faceres.CHANNELS, side, side)


def test_a_file_without_an_array() -> None:
    """An array that is missing is named."""
    values = _published()
    del values["conv_pw_7/convolution/merged_input"]
    with pytest.raises(BundleDamaged, match="conv_pw_7"):
        faceres.read_weights(values)


def test_weights_that_were_not_fetched(tmp_path_factory: pytest.TempPathFactory) -> None:
    """A recipe that begins from them says how to get them."""
    with pytest.raises(BundleMissing, match="teachers fetch"):
        faceres.published(tmp_path_factory.mktemp("empty"))


ROOT = Path(__file__).parents[3]
MODULES, MODELS = ROOT / "work" / "peers" / "human", ROOT / "work" / "published"


@pytest.mark.skipif(shutil.which("node") is None, reason="Node.js is absent")
@pytest.mark.skipif(
    not (MODELS / "faceres-deep.bin").is_file() or not (MODULES / "node_modules").is_dir(),
    reason="run `python -m trainer teachers fetch` and `python -m trainer peers` first",
)
def test_computes_what_its_own_runtime_computes(tmp_path: Path) -> None:
    """The published network tells the distribution that TensorFlow.js tells of the same picture."""
    coarse = np.random.default_rng(0).uniform(0, 255, (1, 3, 14, 14)).astype(np.float32)
    rgb = functional.interpolate(torch.from_numpy(coarse), (224, 224), mode="bicubic").clamp(0, 255)
    mean = 255 * torch.tensor(faceres.MEAN).view(1, 3, 1, 1)
    (rgb - mean).flip(1).permute(0, 2, 3, 1).contiguous().numpy().tofile(tmp_path / "in")
    oracle = Path(__file__).with_name("faceres_oracle.cjs")
    paths = [str(path) for path in (oracle, MODULES, MODELS, tmp_path / "in", tmp_path / "out")]
    subprocess.run(["node", *paths], check=True, capture_output=True)
    with torch.no_grad():
        told = faceres.published(MODELS)(rgb - mean).softmax(1)[0].numpy()
    assert told == pytest.approx(np.fromfile(tmp_path / "out", "<f4"), abs=1e-6)


def test_weights_that_died_are_zero() -> None:
    """What is too small to change an answer becomes zero, which costs no time."""
    values = _published()
    values["feats/kernel"][0, :3] = [1e-32, -1e-35, 1e-20]
    weights = faceres.read_weights(values)["feats.weight"][:3, 0]
    assert weights.tolist() == pytest.approx([0, 0, 1e-20], abs=1e-25)
