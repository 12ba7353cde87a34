import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from scipy.ndimage import gaussian_filter
from shapely.geometry import MultiPolygon, Polygon, box

from gennari.errors import InputError
from gennari.records import IGNORE, LabelSet, Section
from gennari.sources import annotations
from gennari.sources.annotations import (
    Annotated,
    annotated_classes,
    from_labels,
    rasterise,
    read_annotation,
    write_annotation,
)


@pytest.fixture
def small(section: Section) -> Section:
    return replace(section, shape_px=(40, 60), spacing_um=10.0)


def feature(name: str | None, kind: str, coordinates: object) -> dict[str, object]:
    properties = {"objectType": "annotation", "isLocked": False}
    if name is not None:
        properties["classification"] = {"name": name, "color": [1, 2, 3]}
    return {
        "type": "Feature",
        "id": "x",
        "geometry": {"type": kind, "coordinates": coordinates},
        "properties": properties,
    }


def put(path: Path, *features: dict[str, object]) -> Path:
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}))
    return path


SQUARE = [[[2, 1], [12, 1], [12, 7], [2, 7], [2, 1]]]


def test_x_is_the_column_and_y_the_row(tmp_path: Path, label_set: LabelSet, small: Section) -> None:
    path = put(tmp_path / "a.geojson", feature("hOc1", "Polygon", SQUARE))
    labels = rasterise(read_annotation(path, label_set), small, 10.0)
    expected = np.full((40, 60), IGNORE, np.uint8)
    expected[1:7, 2:12] = 2
    np.testing.assert_array_equal(labels, expected)


def test_the_classes_of_an_annotation_are_those_of_its_pieces(tmp_path: Path, label_set: LabelSet) -> None:
    write_annotation(tmp_path / "a.geojson", [Annotated(k, box(k, 0, k + 1, 2)) for k in (3, 0, 3)], label_set)
    assert annotated_classes(tmp_path / "a.geojson", label_set) == {0, 3}
    write_annotation(tmp_path / "b.geojson", [], label_set)
    assert annotated_classes(tmp_path / "b.geojson", label_set) == frozenset()


def test_a_coarser_grid_takes_the_pixels_whose_centre_is_inside(
    tmp_path: Path, label_set: LabelSet, small: Section
) -> None:
    path = put(tmp_path / "a.geojson", feature("hOc1", "Polygon", SQUARE))
    labels = rasterise(read_annotation(path, label_set), small, 30.0)
    expected = np.full((14, 20), IGNORE, np.uint8)
    expected[0:2, 1:4] = 2  # rows 10..70 µm hold the centres 15 and 45; columns 20..120 µm hold 45, 75 and 105
    np.testing.assert_array_equal(labels, expected)


def test_holes_and_islands_are_kept_and_later_pieces_win(label_set: LabelSet, small: Section, tmp_path: Path) -> None:
    ring = Polygon(box(0, 0, 20, 20).exterior.coords, [box(5, 5, 15, 15).exterior.coords])
    pieces = [Annotated(2, MultiPolygon([ring, box(8, 8, 12, 12)])), Annotated(3, box(0, 0, 2, 30))]
    write_annotation(tmp_path / "a.geojson", pieces, label_set)
    labels = rasterise(read_annotation(tmp_path / "a.geojson", label_set), small, 10.0)
    expected = np.full((40, 60), IGNORE, np.uint8)
    expected[:20, :20] = 2
    expected[5:15, 5:15] = IGNORE
    expected[8:12, 8:12] = 2
    expected[:30, :2] = 3
    np.testing.assert_array_equal(labels, expected)


def test_a_feature_takes_one_line_and_its_points_come_back_as_they_were(label_set: LabelSet, tmp_path: Path) -> None:
    pieces = [Annotated(k, box(0.1, 1 / 3, 1e5 + 1 / 7, 2 + k)) for k in (0, 3)]
    write_annotation(tmp_path / "a.geojson", pieces, label_set)
    assert len((tmp_path / "a.geojson").read_text().splitlines()) == len(pieces) + 2
    assert read_annotation(tmp_path / "a.geojson", label_set) == pieces


def test_qupath_finds_class_names_and_colours(label_set: LabelSet, tmp_path: Path) -> None:
    write_annotation(tmp_path / "a.geojson", [Annotated(3, box(0, 0, 2, 2))], label_set)
    document = json.loads((tmp_path / "a.geojson").read_text())
    (found,) = document["features"]
    assert document["type"] == "FeatureCollection"
    assert found["geometry"]["type"] == "Polygon"
    assert found["properties"] == {
        "objectType": "annotation",
        "classification": {"name": "hOc2", "color": [0, 0, 255]},
    }


@pytest.mark.parametrize("spacing", [10.0, 20.0, 32.0])
def test_labels_become_polygons_and_the_same_labels_again(
    rng: np.random.Generator, label_set: LabelSet, small: Section, tmp_path: Path, spacing: float
) -> None:
    h, w = small.grid_shape(spacing)
    field = np.stack([gaussian_filter(rng.standard_normal((h, w)), 1.0) for _ in range(5)])
    labels = np.array([0, 1, 2, 3, IGNORE], np.uint8)[field.argmax(axis=0)]
    labels[3:6, 3:6] = 1
    labels[4, 4] = 2
    labels[6, 6] = 1  # touches in a corner
    pieces = from_labels(labels, spacing, small, label_set)
    assert {piece.class_index for piece in pieces} == {0, 1, 2, 3}
    assert all(piece.geometry.is_valid for piece in pieces)
    write_annotation(tmp_path / "a.geojson", pieces, label_set)
    again = rasterise(read_annotation(tmp_path / "a.geojson", label_set), small, spacing)
    np.testing.assert_array_equal(again, labels)


def test_nothing_annotated_is_all_ignore(label_set: LabelSet, small: Section) -> None:
    assert from_labels(np.full((4, 4), IGNORE, np.uint8), 100.0, small, label_set) == []
    assert (rasterise([], small, 100.0) == IGNORE).all()


def test_labels_beyond_the_label_set_are_refused(label_set: LabelSet, small: Section) -> None:
    with pytest.raises(ValueError, match=r"0 <= i < 4\), got 9"):
        from_labels(np.full((4, 4), 9, np.uint8), 100.0, small, label_set)


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (
            feature("V1", "Polygon", SQUARE),
            r"background, other cortex, hOc1, hOc2\), but feature 0 of .*the class 'V1'",
        ),
        (feature(None, "Polygon", SQUARE), "has no class; rename or remove it"),
        (
            feature("hOc1", "LineString", [[0, 0], [1, 1]]),
            r"must be an area \(Polygon or MultiPolygon\), got LineString",
        ),
        (feature("hOc1", "Polygon", []), r"must be an area .*got Polygon"),
        (feature("hOc1", "Polygon", [[[0, 0], [1]]]), "must be a polygon in GeoJSON"),
        (feature("hOc1", "Blob", SQUARE), "must be a polygon in GeoJSON"),
        ({"type": "Feature"}, r"'features\.0\.geometry' is required"),
    ],
)
def test_a_feature_that_is_no_annotation_is_named(
    tmp_path: Path, label_set: LabelSet, made: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        read_annotation(put(tmp_path / "a.geojson", made), label_set)


def test_a_missing_or_truncated_annotation_is_named(tmp_path: Path, label_set: LabelSet) -> None:
    path = tmp_path / "a.geojson"
    with pytest.raises(InputError, match=r"a\.geojson must be a file"):
        read_annotation(path, label_set)
    put(path, feature("hOc1", "Polygon", SQUARE))
    path.write_text(path.read_text()[:80])
    with pytest.raises(InputError, match=r"a\.geojson must be whole JSON"):
        read_annotation(path, label_set)


def _one(path: Path, *rings: list[list[float]]) -> Path:
    feature = {"type": "Feature", "geometry": {"type": "Polygon", "coordinates": rings}}
    feature["properties"] = {"classification": {"name": "hOc1"}}
    path.write_text(json.dumps({"type": "FeatureCollection", "features": [feature]}))
    return path


def test_outlines_that_run_up_and_down_without_end_are_refused(section, label_set, tmp_path, monkeypatch) -> None:
    pieces = read_annotation(_one(tmp_path / "a.geojson", [[0, 0], [9, 0], [9, 9], [0, 9], [0, 0]]), label_set)
    monkeypatch.setattr(annotations, "MAX_CROSSED_ROWS", 18)
    assert (rasterise(pieces, section, section.spacing_um) != IGNORE).sum() == 81
    monkeypatch.setattr(annotations, "MAX_CROSSED_ROWS", 17)
    with pytest.raises(InputError, match="may cross 17 rows of pixels in all"):
        rasterise(pieces, section, section.spacing_um)


@pytest.mark.parametrize("bad", [float("nan"), float("inf"), 1e9, 10**400])
def test_coordinates_that_are_no_places_are_refused(label_set, tmp_path, bad) -> None:
    with pytest.raises(InputError, match=r"feature 0 of .* must be"):
        read_annotation(_one(tmp_path / "a.geojson", [[0, 0], [9, 0], [bad, 9], [0, 9], [0, 0]]), label_set)
