"""QuPath's GeoJSON, in all the forms its versions have written."""

from pathlib import Path
from typing import Literal

import numpy as np
import shapely
from pydantic import BaseModel, RootModel

from gennari.errors import InputError
from gennari.sources.documents import read_json
from gennari.sources.drawings import Drawn, areas_only, check_count, check_size, drawn_area


class _Classification(BaseModel):
    name: str | None = None
    names: list[str] = []


class _Properties(BaseModel):
    classification: _Classification | str | None = None
    name: str | None = None


class _Geometry(BaseModel):
    type: str
    coordinates: list[object] = []
    geometries: "list[_Geometry]" = []


class _Feature(BaseModel):
    type: Literal["Feature"]
    geometry: _Geometry | None = None
    properties: _Properties | None = None


class _Collection(BaseModel):
    type: Literal["FeatureCollection"]
    features: list[_Feature]


class _Document(RootModel[_Collection | _Feature | list[_Feature]]):
    pass


def read_qupath(path: Path) -> tuple[list[Drawn], list[str]]:
    """Polygons and multi-polygons with their classes; holes and nested geometry collections too.

    The root may be a FeatureCollection, one Feature, or a bare list of features (QuPath 0.2). A class is
    `classification.name`, `classification.names` (0.5, derived classes, joined by ": ") or a plain string. Everything
    else in `properties`, such as nested measurements, is passed over.

    Returns:
        The drawings, and a sentence on each feature that is no area and was left out.

    Raises:
        InputError: the file is missing, too large, no such GeoJSON, or an area cannot be read.
    """
    check_size(path)
    document = read_json(path, _Document).root
    features = document.features if isinstance(document, _Collection) else document
    features = features if isinstance(features, list) else [features]
    check_count(len(features), path)
    drawn, notes = [], []
    for number, feature in enumerate(features):
        where = f"feature {number} of {path}"
        rings = _polygons(feature.geometry, where) if feature.geometry else []
        if not rings:
            kind = feature.geometry.type if feature.geometry else "nothing"
            notes.append(f"{where} is no area ({kind}) and is left out")
            continue
        pieces = [drawn_area(polygon, where) for polygon in rings]
        whole = pieces[0] if len(pieces) == 1 else areas_only(shapely.union_all(pieces))
        drawn.append(Drawn(_name(feature.properties), whole, where))
    return drawn, notes


def _name(properties: _Properties | None) -> str | None:
    classification = properties.classification if properties else None
    if classification is None or isinstance(classification, str):
        return classification
    return classification.name or ": ".join(classification.names) or None


def _polygons(geometry: _Geometry, where: str) -> list[list[np.ndarray]]:
    """The rings of each polygon, (x, y)."""
    if geometry.type == "GeometryCollection":
        return [polygon for part in geometry.geometries for polygon in _polygons(part, where)]
    if geometry.type not in ("Polygon", "MultiPolygon"):
        return []
    polygons = [geometry.coordinates] if geometry.type == "Polygon" else geometry.coordinates
    try:
        return [[_ring(ring) for ring in _list(polygon)] for polygon in polygons]
    except (TypeError, ValueError, IndexError, OverflowError) as error:
        raise InputError(
            f"{where} must be a polygon in GeoJSON, but it cannot be read ({error}); draw it anew"
        ) from error


def _ring(points: object) -> np.ndarray:
    ring = np.asarray(points, float)
    if ring.ndim != 2 or ring.shape[1] not in (2, 3):
        raise ValueError(f"a ring is a list of [x, y], got an array of shape {ring.shape}")
    return ring[:, :2]


def _list(value: object) -> list[object]:
    if not isinstance(value, list):
        raise TypeError(f"a polygon is a list of rings, got {type(value).__name__}")
    return value
