"""Outlines as people draw them, brought to valid areas in bounded time whatever they look like."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import shapely
from jaxtyping import Float
from shapely.geometry import MultiPolygon, Polygon
from shapely.geometry.base import BaseGeometry

from gennari.errors import InputError
from gennari.sources.crossings import possible_crossings
from gennari.sources.documents import MAX_BYTES
from gennari.sources.outlines import mask_polygons
from gennari.surface.contours import fill_polygons

MAX_DRAWINGS = 100_000
"""Of one file: drawn areas, not detected cells."""
MAX_POINTS, MAX_RINGS = 5_000_000, 100_000
"""Of one drawing."""
MAX_COORDINATE = 1e8
"""In px: a thousand times the largest section."""
MANY_POINTS = 20_000
"""Longer drawings are simplified."""
SIMPLIFIED_PX = 0.25
MAX_CROSSINGS = 2_000_000
"""Outlines that may cross oftener are filled on a grid: crossings may be as many as the square of the points."""
GRID_PX = 1_000_000
"""Pixels of that grid, at most."""


class Drawn(NamedTuple):
    """A piece of a section as somebody drew it.

    Attributes:
        name: of the class, None where the file says none.
        geometry: points (x = col, y = row) in px of the section's finest image, from the outer corner of pixel (0, 0).
        where: for a message.
    """

    name: str | None
    geometry: Polygon | MultiPolygon
    where: str


def drawn_area(rings: Sequence[Float[np.ndarray, "_ 2"]], where: str) -> Polygon | MultiPolygon:
    """What closed outlines enclose an odd number of times, as a valid geometry.

    Exact up to MANY_POINTS points. Beyond, points less than SIMPLIFIED_PX off the line are left out. Outlines that may
    cross themselves or each other more than MAX_CROSSINGS times are read on a grid of at most GRID_PX pixels.

    Args:
        rings: (x, y) in px; each closes from its last point to its first.
        where: what to call them in a message.

    Raises:
        InputError: nothing is enclosed, a coordinate is not finite or beyond MAX_COORDINATE, or there are more than
            MAX_POINTS points or MAX_RINGS outlines.
    """
    usable = [np.asarray(ring, float) for ring in rings if len(ring) >= 3]
    points = sum(len(ring) for ring in usable)
    if points > MAX_POINTS or len(usable) > MAX_RINGS:
        raise InputError(
            f"one drawing may have {MAX_POINTS:,} points and {MAX_RINGS:,} outlines, but {where} has {points:,} and "
            f"{len(usable):,}; save it as a label image instead"
        )
    if not all((abs(ring) <= MAX_COORDINATE).all() for ring in usable):
        raise InputError(
            f"{where} must have finite coordinates within {MAX_COORDINATE:g} px, but one is not; draw it anew"
        )
    area = _area(usable, points) if usable else MultiPolygon()
    if area.is_empty or not area.area > 0:
        raise InputError(f"{where} must enclose an area, but it encloses none; remove it")
    return area


def areas_only(geometry: BaseGeometry) -> Polygon | MultiPolygon:
    """The polygons of a geometry; lines and points, which making one valid may leave, are dropped."""
    parts = [part for part in shapely.get_parts(shapely.force_2d(geometry)) if isinstance(part, Polygon)]
    nested = [part for part in shapely.get_parts(geometry) if isinstance(part, MultiPolygon)]
    parts += [shapely.force_2d(part) for many in nested for part in many.geoms]
    whole = [part for part in parts if part.area > 0]
    return whole[0] if len(whole) == 1 else MultiPolygon(whole)


def check_count(drawings: int, path: Path) -> None:
    """Refuse a file of more drawings than anybody draws; raises InputError."""
    if drawings > MAX_DRAWINGS:
        raise InputError(
            f"a file may hold {MAX_DRAWINGS:,} drawn areas, but {path} holds {drawings:,}; export annotations without "
            "detected cells, or save a label image"
        )


def check_size(path: Path) -> None:
    """Refuse a file of drawings that would fill the memory.

    Raises:
        InputError: it is larger than MAX_BYTES, or is not there.
    """
    if not path.is_file():
        raise InputError(f"{path} must be a file of annotations, but there is none; check the path")
    if path.stat().st_size > MAX_BYTES:
        raise InputError(
            f"a file of drawings may take {MAX_BYTES // 2**20} MB, but {path} takes {path.stat().st_size // 2**20}; "
            "save it as a label image instead"
        )


def _area(rings: Sequence[Float[np.ndarray, "_ 2"]], points: int) -> Polygon | MultiPolygon:
    if points > MANY_POINTS:
        rings = [_simplified(ring) for ring in rings]
    if points**2 / 2 > MAX_CROSSINGS and possible_crossings(rings) > MAX_CROSSINGS:
        return _on_grid(rings)
    areas = [_valid(Polygon(ring)) for ring in rings]
    while len(areas) > 1:  # in pairs: one by one, each step would walk through all that came before
        pairs = zip(areas[::2], [*areas[1::2], *[MultiPolygon()] * (len(areas) % 2)], strict=True)
        areas = [areas_only(shapely.symmetric_difference(one, other)) for one, other in pairs]
    return areas[0]


def _valid(one: Polygon) -> Polygon | MultiPolygon:
    return one if one.is_valid else areas_only(shapely.make_valid(one))


def _simplified(ring: Float[np.ndarray, "_ 2"]) -> Float[np.ndarray, "_ 2"]:
    line = shapely.simplify(shapely.LinearRing(ring), SIMPLIFIED_PX, preserve_topology=False)
    return shapely.get_coordinates(line)[:-1] if shapely.get_num_coordinates(line) > 3 else ring[:3]


def _on_grid(rings: Sequence[Float[np.ndarray, "_ 2"]]) -> Polygon | MultiPolygon:
    stacked = np.concatenate(rings)
    low, high = stacked.min(axis=0), stacked.max(axis=0)
    pixel = max(float(np.sqrt(np.prod(high - low) / (0.9 * GRID_PX))), float((high - low).max()) / GRID_PX * 4, 1.0)
    cols, rows = (int(size) for size in np.ceil((high - low) / pixel))
    mask = fill_polygons([(ring - low)[:, ::-1] / pixel for ring in rings], (max(rows, 1), max(cols, 1)))
    if not mask.any():
        return MultiPolygon()
    area = shapely.transform(mask_polygons(mask, pixel), lambda points: points + low)
    return areas_only(area)
