"""What happens to photos in the world, done to batches of crops: backdrops, scans, cameras, files, borders.

Every function takes float32 (N, 3, S, S) of 0..255, changes each face with the given probability, and returns
a new tensor of the same shape and range; at probability 0 it draws no random number and returns what it was
given. Sizes are shares of the crop, whose side is `CROP_MARGIN` times the face's.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from simsvc.domain.photo.crop import CROP_MARGIN
from trainer.training.augmentation.draws import Draws

QUALITY = (7.0, 50.0)
"""JPEG qualities. Source of the lowest: Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to
Common Corruptions and Perturbations", ICLR 2019, whose five severities are 25, 18, 15, 10 and 7."""
SMALL_FACE_PX = (24.0, 96.0)
"""Longer side of a small face in pixels. The UK parliament's portraits show faces of about 63 px, the middle
of the range; FG-NET's and UTKFace's have 100 and more."""
BLUR = (0.005, 0.03)
"""Deviation of the Gaussian over the face's side, of which `degrade` measures 0.01 to 0.05."""
NOISE_LEVELS = (8.0, 16.0)
"""Largest deviations in grey levels of read noise, and of shot noise where it is white. Source of the form, a
variance that grows linearly with the signal: Foi et al., "Practical Poissonian-Gaussian Noise Modeling and
Fitting for Single-Image Raw-Data", IEEE TIP 2008. The amounts were chosen by eye."""
CAST = 0.2
"""Each channel is multiplied by exp(u), u uniform in +- this. Red and blue then differ by up to exp(0.4), in
light, whose value is to the power of 2.2, by 2.4: as a lamp of about 3,800 K taken for daylight (Planck's law
at 600 and 450 nm, beside 6,500 K)."""
GAMMA = 0.4
"""Values are raised to the power of exp(u), u in +- this: as if encoded for 2.2, shown at 1.5 to 3.3."""
CUT = 0.28
"""Largest share of the crop outside the photo; the service withholds beyond it, see `withholding.rules`."""
HEAD = (0.5, 0.48, 0.40, 0.52)
"""Centre (x, y) and half axes (x, y) of the ellipse that the head fills, in crop sides."""
SHOULDERS = (0.5, 1.25, 0.62, 0.42)
"""The same of the ellipse of neck and shoulders, which reaches in from below."""
EDGE = 0.06  # Width of the change from person to backdrop, in radii
LUMA = (0.299, 0.587, 0.114)  # Weights of red, green and blue in grey. Source: ITU-R BT.601, section 2.5.1.


def backdrop(pixels: Tensor, probability: float, draws: Draws, context: float = 1.0) -> Tensor:
    """Put one colour, as in a studio, behind the person; `context` is the pictures' side over the crop's."""

    def change(faces: Tensor, at: Tensor) -> Tensor:
        person = _person(faces.shape[-1], context, faces.device)
        return faces * person + colours[at] * (1 - person)

    if probability == 0:
        return pixels
    light, tint = 40 + 215 * draws.unit(), draws.within(25, 3)
    colours = (light[:, None] + tint).clamp(0, 255).view(-1, 3, 1, 1)
    return _changed(pixels, probability, draws, change)


def _person(size: int, context: float, device: torch.device) -> Tensor:
    """Return float32 (size, size): 1 on head and shoulders, 0 on the backdrop, softly between."""
    at = ((torch.arange(size, device=device) + 0.5) / size - 0.5) * context + 0.5
    radii = [
        torch.sqrt(((at[None, :] - x) / width) ** 2 + ((at[:, None] - y) / height) ** 2)
        for x, y, width, height in (HEAD, SHOULDERS)
    ]
    return torch.sigmoid((1 - torch.minimum(*radii)) / (EDGE / 4))


def gamma(pixels: Tensor, probability: float, draws: Draws) -> Tensor:
    """Raise values to a power: another screen's or scanner's curve."""

    def change(faces: Tensor, at: Tensor) -> Tensor:
        return 255 * (faces.clamp(0, 255) / 255) ** powers[at].view(-1, 1, 1, 1)

    if probability == 0:
        return pixels
    powers = torch.exp(draws.within(GAMMA))
    return _changed(pixels, probability, draws, change)


def grey(pixels: Tensor, probability: float, draws: Draws) -> Tensor:
    """Take the colour away; a cast drawn afterwards tones the picture, as old prints are toned."""

    def change(faces: Tensor, _at: Tensor) -> Tensor:
        weights = torch.tensor(LUMA, device=faces.device).view(1, 3, 1, 1)
        return (faces * weights).sum(1, keepdim=True).expand_as(faces)

    return pixels if probability == 0 else _changed(pixels, probability, draws, change)


def cast(pixels: Tensor, probability: float, draws: Draws) -> Tensor:
    """Multiply each channel by a separate gain, like a wrong white balance."""

    def change(faces: Tensor, at: Tensor) -> Tensor:
        return (faces * gains[at].view(-1, 3, 1, 1)).clamp(0, 255)

    if probability == 0:
        return pixels
    gains = torch.exp(draws.within(CAST, 3))
    return _changed(pixels, probability, draws, change)


def blur(pixels: Tensor, probability: float, draws: Draws) -> Tensor:
    """Blur by a Gaussian; at the border its weights are those that lie inside, so that nothing darkens."""

    def change(faces: Tensor, at: Tensor) -> Tensor:
        place = torch.arange(faces.shape[-1], device=faces.device, dtype=torch.float32)
        apart = (place[:, None] - place[None, :]) ** 2
        weights = torch.exp(-apart / (2 * deviations[at].view(-1, 1, 1) ** 2))
        weights = (weights / weights.sum(2, keepdim=True))[:, None]
        return weights @ faces @ weights.transpose(2, 3)

    if probability == 0:
        return pixels
    deviations = draws.between(BLUR) * pixels.shape[-1] / CROP_MARGIN
    return _changed(pixels, probability, draws, change)


def noise(pixels: Tensor, probability: float, draws: Draws) -> Tensor:
    """Add a sensor's noise: read noise, the same everywhere, and shot noise, which grows with the light."""

    def change(faces: Tensor, at: Tensor) -> Tensor:
        variance = reads[at] ** 2 + shots[at] ** 2 * (faces / 255).clamp(0, 1)
        return (faces + variance.sqrt() * draws.normal(faces)).clamp(0, 255)

    if probability == 0:
        return pixels
    reads, shots = ((draws.unit() * largest).view(-1, 1, 1, 1) for largest in NOISE_LEVELS)
    return _changed(pixels, probability, draws, change)


def filed(pixels: Tensor, small: float, compress: float, draws: Draws) -> Tensor:
    """Keep the face as a small file does: shrunk, compressed by JPEG at that size, and enlarged again.

    `small` is the probability that a face is shrunk to `SMALL_FACE_PX`, `compress` that it is compressed.
    """
    if small == 0 and compress == 0:
        return pixels
    sides_px = (draws.between(SMALL_FACE_PX) * CROP_MARGIN).round().int().tolist()
    qualities = draws.between(QUALITY).round().int().tolist()
    shrunk, compressed = draws.unit() < small, draws.unit() < compress
    changed, size = pixels.clone(), pixels.shape[-1]
    for at in torch.nonzero(shrunk | compressed).flatten().tolist():
        face = _resized(pixels[at], min(size, sides_px[at])) if shrunk[at] else pixels[at]
        face = jpeg_compressed(face, qualities[at]) if compressed[at] else face
        changed[at] = _resized(face, size)
    return changed


def _resized(face: Tensor, side_px: int) -> Tensor:
    """Return the face in another size, as the service resizes: bilinear, with an anti-aliasing filter."""
    if face.shape[-1] == side_px:
        return face
    return functional.interpolate(face[None], (side_px, side_px), mode="bilinear", antialias=True)[0]


def jpeg_compressed(face: Tensor, quality: int) -> Tensor:
    """Return the face after JPEG of this quality, with the halved colours that files usually have."""
    values = face.clamp(0, 255).round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()
    file = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(values)).save(file, "JPEG", quality=quality, subsampling="4:2:0")
    return torch.from_numpy(np.array(Image.open(file))).permute(2, 0, 1).float().to(face.device)


def cut(pixels: Tensor, probability: float, draws: Draws) -> Tensor:
    """Let the photo end within the crop: beyond a line along one side its last pixels are repeated."""
    if probability == 0:
        return pixels
    sides, lost = (draws.unit() * 4).int(), (draws.unit() * CUT * pixels.shape[-1]).round().int()

    def change(faces: Tensor, at: Tensor) -> Tensor:
        place, last = torch.arange(faces.shape[-1], device=faces.device), faces.shape[-1] - 1
        rows, columns = (
            place[None]
            .clamp(min=(lost[at] * (sides[at] == near))[:, None])
            .clamp(max=(last - lost[at] * (sides[at] == near + 1))[:, None])
            for near in (0, 2)
        )
        face = torch.arange(len(at), device=faces.device)[:, None, None, None]
        channel = torch.arange(3, device=faces.device)[None, :, None, None]
        return faces[face, channel, rows[:, None, :, None], columns[:, None, None, :]]

    return _changed(pixels, probability, draws, change)


def _changed(
    pixels: Tensor, probability: float, draws: Draws, change: Callable[[Tensor, Tensor], Tensor]
) -> Tensor:
    """Return the pixels with `change(faces, their positions)` made to the faces that are chosen."""
    at = draws.chosen(probability)
    if not len(at):
        return pixels
    changed = pixels.clone()
    changed[at] = change(pixels[at], at)
    return changed
