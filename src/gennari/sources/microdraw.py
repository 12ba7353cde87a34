"""Microdraw's JSON: paper.js paths on a canvas 1000 units wide."""

from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel, RootModel

from gennari.errors import InputError
from gennari.sources.documents import read_json
from gennari.sources.drawings import MAX_COORDINATE, Drawn, check_count, check_size, drawn_area

CANVAS_WIDTH = 1000.0
CURVE_POINTS = 16
"""A side with handles is a cubic Bézier curve, drawn by so many chords."""


class _Annotation(BaseModel):
    path: list[Any]
    name: str | None = None


class _Region(BaseModel):
    annotation: _Annotation


class _Document(RootModel[list[_Region]]):
    pass


def read_microdraw(path: Path, width_px: int) -> list[Drawn]:
    """Closed paths and compound paths (even-odd) of a Microdraw file.

    Args:
        path: `[{"annotation": {"path": ["Path", {"segments": [...], "closed": true}], "name": "..."}}]`; a segment is
            [x, y] or [[x, y], handle in, handle out].
        width_px: of the section's finest image, which is the canvas's width.

    Raises:
        InputError: the file is missing, too large or no such JSON, or a path encloses nothing.
    """
    check_size(path)
    scale = width_px / CANVAS_WIDTH
    drawn = []
    document = read_json(path, _Document).root
    check_count(len(document), path)
    for number, region in enumerate(document):
        where = f"region {number} of {path}"
        try:
            rings = _rings(region.annotation.path)
        except (TypeError, ValueError, KeyError, IndexError, OverflowError, RecursionError) as error:
            raise InputError(
                f"{where} must be a Path or CompoundPath of paper.js, but it cannot be read ({error!r}); draw it anew"
            ) from error
        drawn.append(Drawn(region.annotation.name, drawn_area([ring * scale for ring in rings], where), where))
    return drawn


def _rings(item: list[Any]) -> list[Float[np.ndarray, "_ 2"]]:
    kind, content = item
    if kind == "CompoundPath":
        return [ring for child in content["children"] for ring in _rings(child)]
    if kind != "Path":
        raise ValueError(f"got a {kind}")
    segments = [_segment(segment) for segment in content["segments"]]
    following = segments[1:] + segments[:1]
    sides = [_side(one, other) for one, other in zip(segments, following, strict=True)]
    return [np.concatenate(sides)]


def _segment(segment: list[Any]) -> Float[np.ndarray, "3 2"]:
    """Point, handle in, handle out; handles are relative to the point."""
    parts = [segment] if np.ndim(segment[0]) == 0 else segment
    found = np.array([*parts, *[[0, 0]] * (3 - len(parts))], float)
    if found.shape != (3, 2) or not (abs(found) <= MAX_COORDINATE).all():
        raise ValueError(f"a segment is [x, y], or [[x, y], handle in, handle out], within {MAX_COORDINATE:g}")
    return found


def _side(one: Float[np.ndarray, "3 2"], other: Float[np.ndarray, "3 2"]) -> Float[np.ndarray, "_ 2"]:
    """Points from `one` to before `other`."""
    if not (one[2].any() or other[1].any()):
        return one[:1]
    t = np.arange(CURVE_POINTS)[:, None] / CURVE_POINTS
    a, b, c, d = one[0], one[0] + one[2], other[0] + other[1], other[0]
    return (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
