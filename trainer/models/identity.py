"""Are two photos of one person? dlib's identity network, as released, keeps such pairs out of a composite."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn

from simsvc.values import RgbImage
from trainer.models import dlib_resnet

CHIP_PX = 150
EYES_PX = ((47.5, 46.6), (102.5, 46.6))
"""Where the eyes lie in the network's 150 px input. Source: dlib's get_face_chip_details with padding 0.25,
from the mean of its mean_face_shape's eye points."""
DIMS = 128


class Identity(nn.Module):
    """The released network whole: chips to 128 numbers whose distance tells people apart."""

    def __init__(self) -> None:
        super().__init__()
        self.body = dlib_resnet.DlibResNet()
        self.embed = nn.Linear(256, DIMS, bias=False)
        dlib_resnet.load_identity_weights(self.body, self.embed)
        self.eval()

    def forward(self, chips: Tensor) -> Tensor:
        """Return float32 (N, 128) of normalised chips, float32 (N, 3, 150, 150)."""
        embeddings: Tensor = self.embed(self.body(chips).mean(dim=(2, 3)))
        return embeddings


def chip(rgb: RgbImage, landmarks: NDArray[np.float64]) -> RgbImage:
    """Return uint8 (150, 150, 3): the face with its eyes, the first of the landmarks (5, 2), in place."""
    back = similarity(np.array(EYES_PX), landmarks[:2])
    size, how = (CHIP_PX, CHIP_PX), Image.Transform.AFFINE
    return np.array(Image.fromarray(rgb).transform(size, how, tuple(back.ravel()), Image.Resampling.BILINEAR))


def embeddings(network: Identity, chips: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return float32 (N, 128) of chips uint8 (N, 150, 150, 3)."""
    mean, std = torch.tensor(dlib_resnet.MEAN), torch.tensor(dlib_resnet.STD)
    pixels = (torch.from_numpy(chips).float() / 255 - mean) / std
    with torch.no_grad():
        found: NDArray[np.float32] = network(pixels.permute(0, 3, 1, 2)).numpy()
    return found


def similarity(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the 2 x 3 matrix of the rotation, scale and shift that best maps source to target, (K, 2) each.

    Source: Umeyama, IEEE PAMI 1991, in its linear form for the plane.
    """
    zero, one = np.zeros(len(source)), np.ones(len(source))
    x, y = source.T
    rows = np.concatenate([np.stack([x, -y, one, zero], 1), np.stack([y, x, zero, one], 1)])
    a, b, tx, ty = np.linalg.lstsq(rows, target.T.ravel(), rcond=None)[0]
    return np.array([[a, -b, tx], [b, a, ty]])
