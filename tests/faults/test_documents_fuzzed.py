"""Spoilt documents: each reader of text takes them or refuses them in one sentence; never anything else."""

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.faults.spoiling import bounded, read_or_refused, spoilt_bytes, spoilt_json

from gennari.frames import coronal
from gennari.records import LabelSet, Section
from gennari.sources.annotations import rasterise, read_annotation
from gennari.sources.area_table import read_area_table
from gennari.sources.dataset import open_dataset
from gennari.sources.drawing_files import read_drawings
from gennari.sources.label_images import read_class_table
from gennari.sources.mni_obj import read_mni_obj
from gennari.sources.placement import read_affine

LABELS = LabelSet(names=("background", "other cortex", "hOc1"), colours=("#000000", "#808080", "#ff0000"), first_area=2)
SECTION = Section(
    brain="A", id=3551, spacing_um=100.0, shape_px=(240, 480), to_brain=coronal(y_mm=1.0, left_mm=-24.0, top_mm=12.0)
)
RING = [[10, 10], [60, 10], [60, 50.5], [10, 50], [10, 10]]
HOLE = [[20, 20], [30, 20], [30, 30], [20, 30], [20, 20]]
FEATURE = {
    "type": "Feature",
    "geometry": {"type": "Polygon", "coordinates": [RING, HOLE]},
    "properties": {"classification": {"name": "hOc1"}},
}
MANY = {**FEATURE, "geometry": {"type": "MultiPolygon", "coordinates": [[RING], [HOLE]]}}
GEOJSON = {"type": "FeatureCollection", "features": [FEATURE, MANY]}
SEGMENTS = [[100, 100], [[300, 120], [5, -5], [-5, 5]], [[200, 300], [0, 0], [0, 0]]]
PATH = ["Path", {"segments": SEGMENTS, "closed": True}]
MICRODRAW = [
    {"annotation": {"path": PATH, "name": "hOc1"}},
    {"annotation": {"path": ["CompoundPath", {"children": [PATH, PATH]}], "name": "hOc2"}},
]
SANDS = {
    "@type": "tmp/poly",
    "@id": "x",
    "coordinates": [
        [{"value": x, "unit": {"@id": "id.link/mm"}}, {"value": 1.0}, {"value": z}] for x, z in ((0, 0), (5, 0), (0, 5))
    ],
    "name": "hOc1",
}
AFFINE = [[0.02, 0, 0, -70.0], [0, 0, 0.02, 1.0], [0, -0.02, 0, 50.0], [0, 0, 0, 1]]
DATASET = {
    "name": "d",
    "licence": "CC0",
    "label_set": {"names": list(LABELS.names), "colours": list(LABELS.colours), "first_area": 2},
    "brains": ["A"],
}
BRAIN = {
    "name": "A",
    "role": "labelled",
    "geometry": "none",
    "sections": [
        {
            "id": number,
            "image": f"sections/{number}.png",
            "spacing_um": 20.0,
            "shape_px": [100, 120],
            "affine": [[0, 1e-3, 0, -1], [0, 0, 1e-3, 0.1 * number], [-1e-3, 0, 0, 2], [0, 0, 0, 1]],
        }
        for number in (3, 4)
    ],
}
NAPARI = "index,shape-type,vertex-index,axis-0,axis-1,class\n" + "".join(
    f"{shape},{kind},{k},{row},{col},hOc1\n"
    for shape, kind in enumerate(["polygon", "ellipse", "line"])
    for k, (row, col) in enumerate([(0, 0), (0, 50), (40, 50), (40, 0)])
)
MNI_OBJ = (
    b"P 0.3 0.3 0.4 10 1 4\n0 0 0\n1 0 0\n0 1 0\n0 0 1\n\n0 0 -1\n1 0 0\n0 1 0\n0 0 1\n\n4\n0 1 1 1 1\n\n3 6 9 12\n\n"
    b"0 1 2 0 1 3 0 2 3 1 2 3\n"
)
CLASSES = b'index,name\n1,hOc1\n2,"hOc2, dorsal"\n'
AREAS = b"name,colour\nhOc1,#ff0000\nhOc2\n"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("spoilt")


def drawn(path: Path) -> None:
    for piece in read_drawings(path, SECTION, None)[0]:
        assert np.isfinite(piece.geometry.area)
        assert piece.geometry.area > 0


def annotated(path: Path) -> None:
    rasterise(read_annotation(path, LABELS), SECTION, 200.0)


def indexed(path: Path) -> None:
    for brain in open_dataset(path.parent).brains():
        for section in brain.sections:
            brain.image_location(section.id)


@bounded(120)
@given(content=spoilt_json(GEOJSON))
def test_qupath(folder: Path, content: bytes) -> None:
    read_or_refused(drawn, folder / "q.geojson", content)


@bounded(120)
@given(content=spoilt_json(GEOJSON))
def test_annotations_of_a_data_set(folder: Path, content: bytes) -> None:
    read_or_refused(annotated, folder / "a.geojson", content)


@bounded()
@given(content=spoilt_json(MICRODRAW))
def test_microdraw(folder: Path, content: bytes) -> None:
    read_or_refused(drawn, folder / "m.json", content)


@bounded()
@given(content=spoilt_json([SANDS, SANDS]) | spoilt_json(SANDS))
def test_sands(folder: Path, content: bytes) -> None:
    read_or_refused(drawn, folder / "s.sands.json", content)


@bounded()
@given(content=spoilt_bytes(NAPARI.encode()))
def test_napari_shapes(folder: Path, content: bytes) -> None:
    read_or_refused(drawn, folder / "n.csv", content)


@bounded()
@given(content=spoilt_json(AFFINE), listed=st.sampled_from([None, 3551]))
def test_affines(folder: Path, content: bytes, listed: int | None) -> None:
    read_or_refused(lambda path: read_affine(path, listed), folder / "B20_3551_affine.json", content)


@bounded()
@given(content=spoilt_json(DATASET))
def test_dataset_json(folder: Path, content: bytes) -> None:
    read_or_refused(lambda path: open_dataset(path.parent), folder / "dataset.json", content)


@bounded()
@given(content=spoilt_json(BRAIN))
def test_brain_json(folder: Path, content: bytes) -> None:
    root = folder / "whole"
    read_or_refused(open_dataset_at, root / "dataset.json", json.dumps(DATASET).encode())
    read_or_refused(lambda path: indexed(root / "dataset.json"), root / "brains" / "A" / "brain.json", content)


def open_dataset_at(path: Path) -> None:
    open_dataset(path.parent)


@bounded()
@given(content=spoilt_bytes(MNI_OBJ))
def test_mni_obj(folder: Path, content: bytes) -> None:
    read_or_refused(read_mni_obj, folder / "x.obj", content)


@bounded()
@given(content=spoilt_bytes(CLASSES))
def test_class_tables(folder: Path, content: bytes) -> None:
    read_or_refused(read_class_table, folder / "classes.csv", content)


@bounded()
@given(content=spoilt_bytes(AREAS))
def test_area_tables(folder: Path, content: bytes) -> None:
    read_or_refused(read_area_table, folder / "areas.csv", content)
