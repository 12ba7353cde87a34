"""One square, columns 10 to 30 and rows 5 to 15, in every format that people draw it in."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr
from PIL import Image
from shapely.geometry import box

from gennari.errors import InputError
from gennari.records import IGNORE, LabelSet, Section
from gennari.sources import label_images
from gennari.sources.drawing_files import drawing_files, read_drawings
from gennari.sources.label_images import read_class_table
from gennari.sources.sections import write_labels

WANTED = box(10, 5, 30, 15)
RING = [[10, 5], [30, 5], [30, 15], [10, 15], [10, 5]]


@pytest.fixture
def small(section: Section) -> Section:
    return replace(section, shape_px=(40, 60))


def put(path: Path, document: object) -> Path:
    path.write_text(json.dumps(document))
    return path


def feature(kind: str, coordinates: object, **properties: object) -> dict[str, object]:
    return {"type": "Feature", "geometry": {"type": kind, "coordinates": coordinates}, "properties": properties}


def labels() -> np.ndarray:
    image = np.zeros((40, 60), np.uint8)
    image[5:15, 10:30] = 7
    return image


def the_square(path: Path, section: Section, table: dict[int, str] | None = None) -> str | None:
    drawn, _ = read_drawings(path, section, table)
    assert len(drawn) == 1
    assert drawn[0].geometry.symmetric_difference(WANTED).area < 1e-6
    return drawn[0].name


@pytest.mark.parametrize(
    "classification",
    [{"name": "hOc1", "color": [1, 2, 3]}, {"name": "hOc1", "colorRGB": -3670016}, {"names": ["hOc1"]}, "hOc1"],
)
def test_qupath_in_all_its_versions(tmp_path: Path, small: Section, classification: object) -> None:
    extra = {"measurements": {"nested": {"Area": [1.0, {"deep": None}]}}, "metadata": {"ANNOTATION_DESCRIPTION": "x"}}
    one = feature("Polygon", [RING], objectType="annotation", classification=classification, **extra)
    for document in ({"type": "FeatureCollection", "features": [one]}, [one], one):
        assert the_square(put(tmp_path / "1.geojson", document), small) == "hOc1"


def test_qupath_holes_and_many_polygons(tmp_path: Path, small: Section) -> None:
    hole = [[12, 7], [14, 7], [14, 9], [12, 9], [12, 7]]
    far = [[[40, 20], [50, 20], [50, 30], [40, 30], [40, 20]]]
    path = put(tmp_path / "1.geojson", [feature("MultiPolygon", [[RING, hole], far], classification="hOc1")])
    ((_, geometry, _),), _ = read_drawings(path, small, None)
    assert geometry.area == pytest.approx(200 - 4 + 100)
    assert geometry.is_valid


def test_qupath_collections_and_heights(tmp_path: Path, small: Section) -> None:
    high = [[x, y, 3.0] for x, y in RING]
    geometry = {"type": "GeometryCollection", "geometries": [{"type": "Polygon", "coordinates": [high]}]}
    path = put(tmp_path / "1.geojson", [{"type": "Feature", "geometry": geometry, "properties": None}])
    assert the_square(path, small) is None


def test_qupath_lines_are_left_out_by_name(tmp_path: Path, small: Section) -> None:
    path = put(tmp_path / "1.geojson", [feature("LineString", RING), feature("Polygon", [RING])])
    drawn, notes = read_drawings(path, small, None)
    assert len(drawn) == 1
    assert notes == [f"feature 0 of {path} is no area (LineString) and is left out"]


def test_a_broken_polygon_is_refused(tmp_path: Path, small: Section) -> None:
    for coordinates in ([[["a", 1]]], [5], [[[1], [2], [3]]]):
        with pytest.raises(InputError, match="feature 0"):
            read_drawings(put(tmp_path / "1.geojson", [feature("Polygon", coordinates)]), small, None)
    (tmp_path / "2.json").write_text('{"type": "Feat')
    with pytest.raises(InputError, match="whole JSON"):
        read_drawings(tmp_path / "2.json", small, None)


def test_microdraw_is_a_thousand_units_wide(tmp_path: Path, small: Section) -> None:
    units = [[x * 1000 / 60, y * 1000 / 60] for x, y in RING[:-1]]
    path = ["Path", {"applyMatrix": True, "segments": units, "closed": True}]
    assert the_square(put(tmp_path / "1.json", [{"annotation": {"path": path, "name": "hOc1"}}]), small) == "hOc1"


def test_microdraw_compound_paths_have_holes_and_handles_are_curves(tmp_path: Path, small: Section) -> None:
    k = 0.5523  # four cubic curves that make a circle
    r, u = 10.0, 1000 / 60
    corners = [((r, 0), (0, -k * r), (0, k * r)), ((0, r), (k * r, 0), (-k * r, 0))]
    corners += [((-r, 0), (0, k * r), (0, -k * r)), ((0, -r), (-k * r, 0), (k * r, 0))]
    circle = [[[(x + 20) * u, (y + 20) * u], [a * u, b * u], [c * u, d * u]] for (x, y), (a, b), (c, d) in corners]
    hole = [[x * u, y * u] for x, y in ((18, 18), (22, 18), (22, 22), (18, 22))]
    path = ["CompoundPath", {"children": [["Path", {"segments": circle}], ["Path", {"segments": hole}]]}]
    ((name, area, _),), _ = read_drawings(put(tmp_path / "1.json", [{"annotation": {"path": path}}]), small, None)
    assert name is None
    assert area.area == pytest.approx(np.pi * 100 - 16, rel=5e-3)


def test_a_microdraw_path_of_another_kind_is_refused(tmp_path: Path, small: Section) -> None:
    path = put(tmp_path / "1.json", [{"annotation": {"path": ["Raster", {}], "name": "hOc1"}}])
    with pytest.raises(InputError, match="Path or CompoundPath"):
        read_drawings(path, small, None)


def test_napari_counts_from_the_middle_of_the_first_pixel(tmp_path: Path, small: Section) -> None:
    rows = ["index,shape-type,vertex-index,axis-0,axis-1,class"]
    rows += [f"0,polygon,{k},{y - 0.5},{x - 0.5},hOc1" for k, (x, y) in enumerate(RING[:-1])]
    rows += [f"1,path,{k},{k},{k},hOc1" for k in range(3)]
    (tmp_path / "1.csv").write_text("\n".join(rows))
    drawn, notes = read_drawings(tmp_path / "1.csv", small, None)
    assert drawn[0].name == "hOc1"
    assert drawn[0].geometry.symmetric_difference(WANTED).area < 1e-6
    assert notes == [f"shape 1 of {tmp_path / '1.csv'} is no area (path) and is left out"]


def test_a_napari_ellipse_fills_its_rectangle(tmp_path: Path, small: Section) -> None:
    rows = ["index,shape-type,vertex-index,axis-0,axis-1"]
    rows += [f"0,ellipse,{k},{y},{x}" for k, (x, y) in enumerate(RING[:-1])]
    (tmp_path / "1.csv").write_text("\n".join(rows))
    ((_, area, _),), _ = read_drawings(tmp_path / "1.csv", small, None)
    assert area.area == pytest.approx(np.pi * 10 * 5, rel=1e-3)


def test_a_table_without_napari_columns_is_refused(tmp_path: Path, small: Section) -> None:
    (tmp_path / "1.csv").write_text("index,axis-0\n0,1\n")
    with pytest.raises(InputError, match="shape-type, vertex-index, axis-1 is missing"):
        read_drawings(tmp_path / "1.csv", small, None)


def sands(section: Section, **keys: object) -> dict[str, object]:
    unit = {"@id": "id.link/mm"}
    places = np.array(RING[:-1], float)[:, ::-1] * section.spacing_um
    points = [[{"value": value, "unit": unit} for value in point] for point in section.brain_mm(places).tolist()]
    return {"@type": "tmp/poly", "coordinates": points, "coordinateSpace": {"@id": "x"}, **keys}


def test_sands_lies_in_the_brain(tmp_path: Path, small: Section) -> None:
    assert the_square(put(tmp_path / "1.json", [sands(small, name="hOc1")]), small) == "hOc1"
    put(tmp_path / "2.desc.json", {"name": "hOc2", "@type": "siibra-ex/meta/desc"})
    assert the_square(put(tmp_path / "2.sands.json", sands(small)), small) == "hOc2"


def test_sands_of_another_section_or_unit_is_refused(tmp_path: Path, small: Section) -> None:
    other = sands(small)
    for point in other["coordinates"]:  # pyright: ignore
        point[1]["value"] += 1.0
    with pytest.raises(InputError, match=r"1\.00 mm away"):
        read_drawings(put(tmp_path / "1.json", other), small, None)
    other["coordinates"][0][0]["unit"] = {"@id": "id.link/um"}  # pyright: ignore
    with pytest.raises(InputError, match="must be in mm"):
        read_drawings(put(tmp_path / "1.json", other), small, None)


def test_label_images_and_what_their_numbers_mean(tmp_path: Path, small: Section) -> None:
    (tmp_path / "classes.csv").write_text("index,name\n7,hOc1\n")
    table = read_class_table(tmp_path / "classes.csv")
    Image.fromarray(labels()).save(tmp_path / "1.png")
    palette = Image.fromarray(labels(), mode="L").convert("L")
    palette.putpalette([255 - k // 3 for k in range(768)])
    palette.save(tmp_path / "2.png")
    tifffile.imwrite(tmp_path / "3.tif", labels().astype(np.uint16), tile=(16, 16))
    Image.fromarray(np.pad(labels(), ((0, 1), (0, 1)))).save(tmp_path / "4.png")
    for name in ("1.png", "2.png", "3.tif", "4.png"):
        assert the_square(tmp_path / name, small, table) == "hOc1", name
    assert [path.name for path in drawing_files(tmp_path)] == ["1.png", "2.png", "3.tif", "4.png"]


def test_coarser_label_images_cover_the_section(tmp_path: Path, small: Section) -> None:
    Image.fromarray(labels()[2::5, 2::5]).save(tmp_path / "1.png")
    assert the_square(tmp_path / "1.png", small, {7: "hOc1"}) == "hOc1"


def test_label_images_of_ome_zarr_name_their_classes(tmp_path: Path, small: Section, label_set: LabelSet) -> None:
    image = np.where(labels() == 7, 2, IGNORE).astype(np.uint8)
    write_labels(tmp_path / "1.zarr", image, 100.0, label_set)
    assert the_square(tmp_path / "1.zarr", small) == "hOc1"


def test_label_images_of_ome_zarr_04_lie_beside_their_image(tmp_path: Path, small: Section) -> None:
    root = zarr.create_group(tmp_path / "1.zarr", zarr_format=2)
    root.create_group("labels", attributes={"labels": ["areas"]})
    label = root.create_group(
        "labels/areas",
        attributes={
            "multiscales": [{"version": "0.4", "datasets": [{"path": "0"}]}],
            "image-label": {"properties": [{"label-value": 7, "name": "hOc1"}]},
        },
    )
    label.create_array("0", data=labels()[None])
    assert the_square(tmp_path / "1.zarr", small) == "hOc1"


def test_numbers_without_a_name_are_kept_for_the_report(tmp_path: Path, small: Section) -> None:
    Image.fromarray(labels()).save(tmp_path / "1.png")
    assert the_square(tmp_path / "1.png", small, {1: "hOc1"}) == "value 7"


def test_label_images_that_do_not_fit_are_refused(tmp_path: Path, small: Section, monkeypatch) -> None:
    def refusal(image: np.ndarray, table: dict[int, str] | None = None) -> str:
        Image.fromarray(image).save(tmp_path / "1.png")
        with pytest.raises(InputError) as caught:
            read_drawings(tmp_path / "1.png", small, table)
        return str(caught.value)

    assert "must cover its section" in refusal(labels()[:-10], {7: "hOc1"})
    assert "must cover its section" in refusal(labels().T.copy(), {7: "hOc1"})
    assert "--classes FILE" in refusal(labels())
    assert "not their colours" in refusal(np.zeros((40, 60, 3), np.uint8), {7: "hOc1"})
    monkeypatch.setattr(label_images, "MAX_CLASSES", 1)
    assert "photograph" in refusal(labels(), {7: "hOc1"})
    monkeypatch.setattr(label_images, "MAX_PX", 10)
    assert "read whole" in refusal(labels(), {7: "hOc1"})
    (tmp_path / "2.png").write_bytes((tmp_path / "1.png").read_bytes()[:50])
    monkeypatch.undo()
    with pytest.raises(InputError, match="copy it again"):
        read_drawings(tmp_path / "2.png", small, {7: "hOc1"})
    (tmp_path / "3.zarr").mkdir()
    with pytest.raises(InputError, match="OME-Zarr label image"):
        read_drawings(tmp_path / "3.zarr", small, None)


def test_a_class_table_gives_each_number_one_name(tmp_path: Path) -> None:
    for text in ("1,a\n1,b\n", "1\n", "index,name\nx,b\n"):
        (tmp_path / "classes.csv").write_text(text)
        with pytest.raises(InputError, match="each number one name"):
            read_class_table(tmp_path / "classes.csv")
    with pytest.raises(InputError, match="there is none"):
        read_class_table(tmp_path / "none.csv")


def test_a_place_without_annotations_is_refused(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none"):
        with pytest.raises(InputError, match="there are none"):
            drawing_files(place)


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ("x,polygon,0,1,1\n", "must hold numbers of shapes and places"),
        ("0,polygon,0,wide,1\n", "must hold numbers of shapes and places"),
        ("0,ellipse,0,1,1\n0,ellipse,1,1,9\n0,ellipse,2,9,9\n", "must have four corners, got 3"),
    ],
)
def test_napari_shapes_of_something_else_are_refused(tmp_path: Path, small: Section, row: str, said: str) -> None:
    (tmp_path / "1.csv").write_text("index,shape-type,vertex-index,axis-0,axis-1\n" + row)
    with pytest.raises(InputError, match=said):
        read_drawings(tmp_path / "1.csv", small, None)


@pytest.mark.parametrize("segment", [[1, 2, 3], [[1, 2]] * 4, [1e9, 0], [10**400, 0], [], "x", [[[1]]]])
def test_microdraw_segments_of_something_else_are_refused(tmp_path: Path, small: Section, segment: object) -> None:
    path = ["Path", {"segments": [[1, 1], [5, 1], segment], "closed": True}]
    (tmp_path / "1.json").write_text(json.dumps([{"annotation": {"path": path, "name": "a"}}]))
    with pytest.raises(InputError, match=r"region 0 of .* must be a Path or CompoundPath"):
        read_drawings(tmp_path / "1.json", small, None)


def test_compound_paths_in_compound_paths_without_end_are_refused(tmp_path: Path, small: Section) -> None:
    path: list[object] = ["Path", {"segments": []}]
    for _ in range(300):
        path = ["CompoundPath", {"children": [path]}]
    (tmp_path / "1.json").write_text(json.dumps([{"annotation": {"path": path, "name": "a"}}]))
    with pytest.raises(InputError, match="must be"):
        read_drawings(tmp_path / "1.json", small, None)


def test_an_ome_zarr_of_several_label_images_or_of_no_numbers_is_refused(tmp_path: Path, small: Section) -> None:
    root = zarr.create_group(tmp_path / "1.zarr", zarr_format=2)
    root.attrs["multiscales"] = [{"datasets": [{"path": "0"}]}]
    root.create_array("0", data=np.zeros((40, 60), np.float32))
    with pytest.raises(InputError, match="label image of whole numbers, but it holds float32"):
        read_drawings(tmp_path / "1.zarr", small, {1: "a"})
    root.create_group("labels", attributes={"labels": ["a", "b"]})
    with pytest.raises(InputError, match="has the label images a, b; name one of them in the path"):
        read_drawings(tmp_path / "1.zarr", small, {1: "a"})
