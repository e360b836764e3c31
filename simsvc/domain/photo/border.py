"""How much of a face is outside the photo: crop, box and landmarks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

from simsvc.domain.photo.crop import CROP_MARGIN, square_px
from simsvc.values import Face, Photo

Point = tuple[float, float]
Polygon = Sequence[Point]
"""Corners of a convex area, clockwise as seen in the picture (y grows downwards)."""


def crop_outside(photo: Photo, face: Face, margin: float = CROP_MARGIN) -> float:
    """Return the share of the face's crop outside the photo, 0..1."""
    left, top, side = square_px(face, margin)
    return outside_share(rectangle(left, top, side, side), photo.outline_px)


def box_outside(photo: Photo, face: Face) -> float:
    """Return the share of the detector's box outside the photo, 0..1."""
    box = rectangle(face.x_px, face.y_px, face.width_px, face.height_px)
    return outside_share(box, photo.outline_px)


def border_gap(photo: Photo, face: Face) -> float | None:
    """Return the distance of the outermost landmark from the photo's edge, divided by the box's longer side.

    Negative if a landmark is outside; None without landmarks.
    """
    gaps = [_gap(point, edge) for point in face.landmarks_px for edge in _edges(photo.outline_px)]
    return min(gaps) / face.side_px if gaps else None


def rectangle(left: float, top: float, width: float, height: float) -> Polygon:
    """Return the corners of an upright rectangle."""
    right, bottom = left + width, top + height
    return (left, top), (right, top), (right, bottom), (left, bottom)


def outside_share(area: Polygon, outline: Polygon) -> float:
    """Return the share of a convex area outside a convex outline, 0..1.

    Source: Sutherland and Hodgman, "Reentrant Polygon Clipping", Communications of the ACM 17(1), 1974.
    """
    inside: Polygon = area
    for edge in _edges(outline):
        inside = _clipped(inside, edge)
        if not inside:
            return 1.0
    return max(0.0, 1.0 - _area(inside) / _area(area))


def _edges(polygon: Polygon) -> list[tuple[Point, Point]]:
    return list(pairwise((*polygon, polygon[0])))


def _gap(point: Point, edge: tuple[Point, Point]) -> float:
    """Return the distance of a point from an edge in pixels; negative on the outer side."""
    (x0, y0), (x1, y1) = edge
    along_x, along_y = x1 - x0, y1 - y0
    return (along_x * (point[1] - y0) - along_y * (point[0] - x0)) / math.hypot(along_x, along_y)


def _clipped(area: Polygon, edge: tuple[Point, Point]) -> Polygon:
    gaps = [_gap(corner, edge) for corner in area]
    if min(gaps) >= 0.0:
        return area
    kept: list[Point] = []
    for (start, end), before, after in zip(_edges(area), gaps, (*gaps[1:], gaps[0]), strict=True):
        if before >= 0.0:
            kept.append(start)
        if (before < 0.0) != (after < 0.0):
            share = before / (before - after)
            kept.append((start[0] + share * (end[0] - start[0]), start[1] + share * (end[1] - start[1])))
    return kept


def _area(polygon: Polygon) -> float:
    return abs(sum(x0 * y1 - x1 * y0 for (x0, y0), (x1, y1) in _edges(polygon))) / 2.0
