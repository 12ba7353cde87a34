"""Annotations as GeoJSON the way QuPath writes it; what nobody annotated is IGNORE."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, NamedTuple

import numpy as np
import shapely
from jaxtyping import Float, UInt8
from pydantic import BaseModel
from shapely.geometry import MultiPolygon, Polygon

from gennari.errors import InputError
from gennari.records import IGNORE, LabelSet, Section
from gennari.sources.atomic import write_text
from gennari.sources.documents import read_json
from gennari.sources.drawings import MAX_COORDINATE, MAX_POINTS, check_count, check_size
from gennari.sources.outlines import mask_polygons
from gennari.surface.contours import fill_box

MAX_CROSSED_ROWS = 2_000_000_000
"""How many rows of pixels the outlines of one annotation may cross in all, which is what filling them takes."""


class Annotated(NamedTuple):
    """A piece of a section that somebody named.

    Attributes:
        class_index: into the label set.
        geometry: points (x = col, y = row) in px of the section's finest image, from the outer corner of pixel (0, 0).
    """

    class_index: int
    geometry: Polygon | MultiPolygon


def read_annotation(path: Path, label_set: LabelSet) -> list[Annotated]:
    """Read a FeatureCollection of polygons and multi-polygons, each with `properties.classification.name`.

    Raises:
        InputError: the file is missing, too large or no such GeoJSON, or a feature has no class, an unknown one, no
            area, or more points than are drawn.
    """
    check_size(path)
    features = read_json(path, _Collection).features
    check_count(len(features), path)
    found = []
    for number, feature in enumerate(features):
        classification = feature.properties.classification
        if classification is None or classification.name not in label_set.names:
            name = "no class" if classification is None else f"the class '{classification.name}'"
            raise InputError(
                f"annotations must be of the dataset's classes ({', '.join(label_set.names)}), but feature {number} of "
                f"{path} has {name}; rename or remove it"
            )
        found.append(Annotated(label_set.index(classification.name), _geometry(feature, f"feature {number} of {path}")))
    return found


def annotated_classes(path: Path, label_set: LabelSet) -> frozenset[int]:
    """Indices of the classes that occur in an annotation; InputError as `read_annotation`."""
    return frozenset(piece.class_index for piece in read_annotation(path, label_set))


def write_annotation(path: Path, annotated: Sequence[Annotated], label_set: LabelSet) -> None:
    """Write annotations as a FeatureCollection that QuPath opens with class names and colours, atomically."""
    outlines = shapely.to_geojson(np.array([piece.geometry for piece in annotated], object))
    features = [
        f'{{"type": "Feature", "geometry": {outline}, "properties": {json.dumps(_properties(piece, label_set))}}}'
        for piece, outline in zip(annotated, outlines, strict=True)
    ]
    # one feature a line: a line a number would be most of a large file
    write_text(path, '{"type": "FeatureCollection", "features": [\n' + ",\n".join(features) + "\n]}\n")


def _properties(piece: Annotated, label_set: LabelSet) -> dict[str, object]:
    colour = label_set.colours[piece.class_index]
    return {
        "objectType": "annotation",
        "classification": {
            "name": label_set.names[piece.class_index],
            "color": [int(colour[k : k + 2], 16) for k in (1, 3, 5)],
        },
    }


def rasterise(annotated: Sequence[Annotated], section: Section, spacing_um: float) -> UInt8[np.ndarray, "h w"]:
    """Class indices on a grid that covers the section; IGNORE where nothing is annotated.

    A pixel belongs to a piece if its centre does; of two pieces that overlap the later one wins.

    Args:
        annotated: the pieces.
        section: gives the size of its full-resolution pixels and its extent.
        spacing_um: of the grid.

    Raises:
        InputError: outlines run up and down so often that filling them would not end in any sane time.
    """
    shape = section.grid_shape(spacing_um)
    labels = np.full(shape, IGNORE, np.uint8)
    scale = section.spacing_um / spacing_um
    crossed = 0.0
    for piece in annotated:
        rings = [ring * scale for ring in _rings(piece.geometry)]
        crossed += sum(_crossed_rows(ring, shape[0]) for ring in rings)
        if crossed > MAX_CROSSED_ROWS:
            raise InputError(
                f"the outlines drawn on section {section.id} of {section.brain} may cross {MAX_CROSSED_ROWS:,} rows of "
                "pixels in all, but they cross more; draw them anew, without hatching"
            )
        box, inside = fill_box(rings, shape)
        labels[box][inside] = piece.class_index
    return labels


def from_labels(
    labels: UInt8[np.ndarray, "h w"], spacing_um: float, section: Section, label_set: LabelSet
) -> list[Annotated]:
    """Annotations whose `rasterise` at the same spacing gives the label map back exactly; IGNORE stays unsaid.

    Args:
        labels: class indices on a grid that covers the section.
        spacing_um: of that grid.
        section: gives the size of the full-resolution pixels.
        label_set: to check that each index is a class.
    """
    classes = [int(index) for index in np.unique(labels) if index != IGNORE]
    if classes and classes[-1] >= len(label_set.names):
        raise ValueError(f"labels must index the label set (0 <= i < {len(label_set.names)}), got {classes[-1]}")
    scale = spacing_um / section.spacing_um
    return [Annotated(index, mask_polygons(labels == index, scale)) for index in classes]


def _crossed_rows(ring: Float[np.ndarray, "_ 2"], height: int) -> float:
    rows = np.clip(ring[:, 0], 0, height)
    return float(abs(rows - np.roll(rows, -1)).sum())


def _rings(geometry: Polygon | MultiPolygon) -> list[Float[np.ndarray, "_ 2"]]:
    """All rings, holes too, as (row, col)."""
    polygons = geometry.geoms if isinstance(geometry, MultiPolygon) else [geometry]
    lines = [line for polygon in polygons for line in (polygon.exterior, *polygon.interiors)]
    return [np.asarray(line.coords)[:-1, 1::-1] for line in lines if not line.is_empty]


class _Classification(BaseModel):
    name: str


class _Properties(BaseModel):
    classification: _Classification | None = None


class _Geometry(BaseModel):
    type: str
    coordinates: list[object] = []


class _Feature(BaseModel):
    type: Literal["Feature"]
    geometry: _Geometry
    properties: _Properties = _Properties()


class _Collection(BaseModel):
    type: Literal["FeatureCollection"]
    features: list[_Feature]


def _geometry(feature: _Feature, where: str) -> Polygon | MultiPolygon:
    try:
        with np.errstate(invalid="ignore"):  # NaN is refused below
            geometry = shapely.geometry.shape(feature.geometry.model_dump())
    except (
        TypeError, ValueError, KeyError, IndexError, AttributeError, OverflowError, shapely.errors.ShapelyError
    ) as error:  # fmt: skip
        raise InputError(
            f"{where} must be a polygon in GeoJSON, but it cannot be read ({error}); draw it anew"
        ) from error
    if not isinstance(geometry, Polygon | MultiPolygon) or geometry.is_empty:
        raise InputError(f"{where} must be an area (Polygon or MultiPolygon), got {feature.geometry.type}; remove it")
    points = shapely.get_coordinates(geometry)
    if len(points) > MAX_POINTS or not (abs(points) <= MAX_COORDINATE).all():
        raise InputError(
            f"{where} must be an outline of at most {MAX_POINTS:,} points within {MAX_COORDINATE:g} px, but it has "
            f"{len(points):,}, or one lies beyond; draw it anew"
        )
    return geometry
