import csv
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.frames import coronal
from gennari.records import Hemisphere, Section, TriangleMesh
from gennari.sources.border_files import (
    BorderTable,
    read_border_lines,
    write_border_columns,
    write_border_csv,
    write_border_files,
    write_border_geojson,
)
from gennari.sources.gifti import read_columns


@pytest.fixture
def borders() -> BorderTable:
    nan = np.nan
    return BorderTable(
        section=np.array([7, 7, 9]),
        side=np.array([0, 1, 0]),
        piece=np.array([0, 1, 2]),
        arc_mm=np.array([1.1, 2.0, 3.0]),
        centre_um=np.array([[640.0, 320.0], [64.0, 32.0], [1.0, 2.0]]),
        brain_mm=np.arange(9.0).reshape(3, 3),
        across_um=np.array([[[nan, nan], [600, 300], [700, 340]], [[nan] * 2] * 3, [[0, 0], [1, 2], [2, 4]]]),
        vertex=np.array([1, 2, 1]),
        curve=np.array([0, 1, 0]),
        sections=np.array([3, 1, 3]),
        recurs=np.array([True, False, True]),
        measures={"score_per_mm": np.array([0.5, 1.5, 0.75]), "d2": np.array([nan, 8.0, 4.0])},
    )


@pytest.fixture
def section():
    def make(number: int) -> Section:
        return Section(
            brain="P", id=number, spacing_um=32.0, shape_px=(50, 60), to_brain=coronal(0.02 * number, -1.0, 1.0)
        )

    return make


@pytest.fixture
def brain() -> tuple[Hemisphere, Hemisphere]:
    mesh = TriangleMesh(vertices_mm=np.eye(3), faces=np.array([[0, 1, 2]], np.int32))
    wall = np.zeros(3, bool)
    left, right = (Hemisphere(side=s, pial=mesh, white=mesh, inflated=mesh, medial_wall=wall) for s in ("L", "R"))
    return left, right


def test_the_csv_has_one_line_a_border_with_units_in_its_names(borders, tmp_path: Path):
    write_border_csv(tmp_path / "borders.csv", borders)
    with (tmp_path / "borders.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3
    first = {
        "section": "7", "side": "L", "piece": "0", "arc_mm": "1.1", "row_um": "640.0", "col_um": "320.0",
        "x_mm": "0.0", "y_mm": "1.0", "z_mm": "2.0", "vertex": "1", "curve": "0", "sections": "3", "recurs": "1",
        "score_per_mm": "0.5", "d2": "",
    }  # fmt: skip
    assert rows[0] == first
    assert [row["side"] for row in rows] == ["L", "R", "L"]


def test_a_border_is_a_line_across_the_cortex_in_pixels_of_its_section(borders, section, tmp_path: Path):
    write_border_geojson(tmp_path / "0007.geojson", borders, section(7))
    document = json.loads((tmp_path / "0007.geojson").read_text(encoding="utf-8"))
    assert document["type"] == "FeatureCollection"
    line, point = document["features"]
    assert line["geometry"] == {"type": "LineString", "coordinates": [[9.38, 18.75], [10.62, 21.88]]}
    assert line["properties"]["objectType"] == "annotation"
    assert line["properties"]["classification"] == {"name": "border, recurring", "color": [214, 39, 40]}
    assert line["properties"]["measurements"] == {"arc_mm": 1.1, "sections": 3, "score_per_mm": 0.5}
    assert point["geometry"] == {"type": "Point", "coordinates": [1.0, 2.0]}
    assert point["properties"]["classification"]["name"] == "border, single"
    assert point["properties"]["measurements"]["d2"] == 8.0


def test_lines_come_back_and_points_are_left_out(borders, section, tmp_path: Path):
    write_border_geojson(tmp_path / "7.geojson", borders, section(7))
    (line,) = read_border_lines(tmp_path / "7.geojson")
    assert line.tolist() == [[9.38, 18.75], [10.62, 21.88]]
    (tmp_path / "other.geojson").write_text('{"features": [{"geometry": {"type": "Polygon", "coordinates": []}}]}')
    with pytest.raises(InputError, match="does not fit"):
        read_border_lines(tmp_path / "other.geojson")


def test_vertices_carry_the_greatest_value_of_their_borders(borders, brain, tmp_path: Path):
    write_border_columns(tmp_path / "left.func.gii", borders, brain[0])
    names, values = read_columns(tmp_path / "left.func.gii")
    assert names == ("border", "sections", "score_per_mm", "d2")
    assert np.allclose(values, [[0, 0, 0, 0], [1, 3, 0.75, 4], [0, 0, 0, 0]])
    write_border_columns(tmp_path / "right.func.gii", borders, brain[1])
    assert np.allclose(read_columns(tmp_path / "right.func.gii")[1][2], [1, 1, 1.5, 8])


def test_a_folder_holds_all_of_it_or_nothing(borders, section, brain, tmp_path: Path, monkeypatch):
    sections = [section(7), section(8), section(9)]
    folder = tmp_path / "export"
    written = write_border_files(folder, borders, sections, brain)
    assert sorted(path.relative_to(folder).as_posix() for path in written) == [
        "borders.csv", "hemi-L_borders.func.gii", "hemi-R_borders.func.gii",
        "sections/0007.geojson", "sections/0008.geojson", "sections/0009.geojson",
    ]  # fmt: skip
    assert all(path.is_file() for path in written)
    assert json.loads((folder / "sections" / "0008.geojson").read_text())["features"] == []
    other = tmp_path / "other"
    with pytest.raises(ValueError, match="but 9 is not among them"):
        write_border_files(other, borders, sections[:2], brain)
    broken = replace(borders, vertex=np.array([1, 5, 1]))  # found out when the last file is written
    with pytest.raises(IndexError):
        write_border_files(other, broken, sections, brain)
    assert not other.exists()


def test_nothing_is_written_over(borders, section, brain, tmp_path: Path):
    taken = tmp_path / "taken"
    taken.write_text("mine")
    for write in (
        lambda: write_border_csv(taken, borders),
        lambda: write_border_geojson(taken, borders, section(7)),
        lambda: write_border_columns(taken, borders, brain[0]),
        lambda: write_border_files(taken, borders, [section(7), section(9)], brain),
    ):
        with pytest.raises(InputError, match="is there already"):
            write()
    assert taken.read_text() == "mine"
