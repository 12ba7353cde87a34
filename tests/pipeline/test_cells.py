"""Cells and their JSON: what is written is read back, small, and nothing else is taken."""

import json

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.metrics.distances import DistanceError, distance_error
from gennari.phantom.layers import LABEL_SET
from gennari.pipeline.cells import CellResult, read_cell, read_cells, write_cell
from gennari.pipeline.scoring import score_section

HITS = {("A", 1): 15, ("B", 2): 10}


@pytest.fixture
def cell(make_cell) -> CellResult:
    distance = DistanceError(
        mean_mm=9.0, median_predictor_mm=20.0, constant_mm=40.0, spearman=0.8, near_mm=5.0, far_mm=11.0, n_pairs=99,
        section_only_mm=14.0,
    )  # fmt: skip
    return make_cell("few-L", 3, HITS, distance=distance, convergence=((1.0, 12.0), (2.0, 9.5)), loss_tail=((10, 0.5),))


def test_what_is_written_is_read_back(cell, tmp_path):
    write_cell(tmp_path / "few-L-3.json", cell)
    assert read_cell(tmp_path / "few-L-3.json") == cell
    assert read_cells(tmp_path) == (cell,)
    assert read_cells(tmp_path / "none") == ()


def test_what_is_not_known_of_err_dist_comes_back_as_nan(cell, tmp_path):
    only_far = distance_error(np.array([30.0, 30.0]), np.array([40.0, 50.0]))
    path = tmp_path / "cell.json"
    write_cell(path, cell.model_copy(update={"distance": only_far}))
    json.loads(path.read_text(), parse_constant=pytest.fail)  # NaN is no JSON
    found = read_cell(path).distance
    assert found is not None
    assert np.isnan([found.near_mm, found.spearman, found.section_only_mm]).all()
    assert (found.mean_mm, found.far_mm, found.n_pairs) == (15.0, 15.0, 2)


@pytest.mark.parametrize("at", [(), ("sections", 0), ("sections", 0, "error")])
def test_unknown_keys_are_refused(cell, tmp_path, at):
    document = cell.model_dump(mode="json")
    inner = document
    for part in at:
        inner = inner[part]
    inner["secnods"] = 1
    (tmp_path / "cell.json").write_text(json.dumps(document))
    with pytest.raises(InputError, match="secnods"):
        read_cell(tmp_path / "cell.json")


def test_a_file_cut_short_is_refused(cell, tmp_path):
    path = tmp_path / "cell.json"
    write_cell(path, cell)
    path.write_text(path.read_text()[:-40])
    with pytest.raises(InputError, match="must be whole JSON"):
        read_cells(tmp_path)


@pytest.mark.parametrize(
    ("changes", "law"),
    [
        ({"classes": ("glass", "other", "one")}, "confusions must be 3 x 3 for 3 classes, those of A 1"),
        ({"area_distance_mm": ((0.0,),)}, "distances between 2 areas must be 2 x 2"),
    ],
)
def test_what_does_not_fit_the_classes_is_refused(make_cell, changes, law):
    with pytest.raises(ValueError, match=law):
        make_cell("few-L", 3, HITS, **changes)


def test_a_section_stands_in_a_cell_once(cell):
    twice = cell.model_dump() | {"sections": [*cell.sections, cell.sections[0]]}
    with pytest.raises(ValueError, match="a section must stand in a cell once"):
        CellResult.model_validate(twice)


def test_a_cell_of_sixteen_real_sections_is_small(make_cell, rng, tmp_path):
    sections = []
    for k in range(16):
        truth = rng.integers(0, 16, (20, 15)).repeat(12, 0).repeat(12, 1).astype(np.uint8)
        predicted = np.where(rng.random(truth.shape) < 0.3, rng.integers(0, 16, truth.shape), truth).astype(np.uint8)
        everywhere = np.ones(truth.shape, bool)
        sections.append(score_section(truth, predicted, LABEL_SET, 64.0, brain="A", section=k, annotated=everywhere))
    cell = make_cell("few-L", 1, HITS, classes=LABEL_SET.names, first_area=3, sections=tuple(sections),
                     area_distance_mm=None)  # fmt: skip
    write_cell(tmp_path / "cell.json", cell)
    assert (tmp_path / "cell.json").stat().st_size < 150_000
