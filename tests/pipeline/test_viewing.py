import re
import shutil

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.pipeline.border_places import borders_path
from gennari.pipeline.maps import map_path, probabilities_path
from gennari.pipeline.sampling import sections_of
from gennari.pipeline.stages import RunManifest, open_run
from gennari.pipeline.viewing import Shown, sections_to_view, view_of
from gennari.report.page import viewer_page
from gennari.report.planes import Piece
from gennari.sampling.ribbon_places import write_places
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json
from gennari.sources.probabilities import write_probability_bytes
from gennari.sources.sections import read_full, read_labels


@pytest.fixture
def mapped(mapped_run):
    """Read only."""
    return open_run(mapped_run)


@pytest.fixture
def changeable(mapped_run, phantom, tmp_path):
    """A copy of the run with a copy of its data set beside it."""
    shutil.copytree(phantom, tmp_path / "dataset")
    shutil.copytree(mapped_run, tmp_path / "run")
    manifest = read_json(tmp_path / "run" / "run.json", RunManifest)
    write_json(tmp_path / "run" / "run.json", manifest.model_copy(update={"dataset": "../dataset"}))
    return open_run(tmp_path / "run")


def pixels(plane):
    rows, cols = plane.shape_px
    return plane.read(Piece(0, slice(0, rows), slice(0, cols)))


def put_borders(run, make_pieces, section):
    borders_path(run).mkdir()
    write_places(borders_path(run, "places.parquet"), make_pieces((4, False)))
    lines = [{"geometry": {"type": "LineString", "coordinates": [[1, 2], [3, 4]]}}]
    write_json(borders_path(run, "export", "distance", "sections", f"{section:04d}.geojson"), {"features": lines})


def put_probabilities(run, shown, variant):
    labels, spacing_um = read_labels(map_path(run, variant, shown.brain, shown.section))
    values = np.zeros((len(run.dataset.label_set.names), *labels.shape), np.uint8)
    values[1] = 200
    path = probabilities_path(run, variant, shown.brain, shown.section)
    write_probability_bytes(path, values, spacing_um, run.dataset.label_set, 1)


def test_sections_with_maps_are_shown_with_all_that_is_known_of_them(mapped):
    shown = sections_to_view(mapped)
    assert {one.brain for one in shown} == set("ABCD")
    view = view_of(mapped, shown[0])
    assert [(plane.title, plane.kind) for plane in view.planes] == [
        ("section", "image"), ("areas, truth", "labels"),
        ("areas, from scratch", "labels"), ("areas, pre-trained", "labels"),
    ]  # fmt: skip
    brain = mapped.dataset.brain(shown[0].brain)
    image, truth, _, ours = (pixels(plane) for plane in view.planes)
    section = view.section
    assert np.array_equal(image, read_full(brain.image_path(section.id), section.spacing_um))
    assert np.array_equal(truth, brain.truth(section.id).labels)
    assert np.array_equal(ours, read_labels(map_path(mapped, "pretrained", brain.name, section.id))[0])
    assert view.borders == ()


def test_uncertainty_is_shown_where_probabilities_were_kept(changeable):
    run = changeable
    shown = sections_to_view(run)[0]
    put_probabilities(run, shown, "pretrained")
    plane = view_of(run, shown).planes[-1]
    assert plane.kind == "uncertainty"
    assert set(np.unique(pixels(plane))) == {55}


def test_borders_are_shown_on_their_sections_in_um(changeable, make_pieces):
    run = changeable
    section = run.dataset.brain("P").sections[1]
    put_borders(run, make_pieces, section.id)
    assert Shown(brain="P", section=section.id) in sections_to_view(run)
    view = view_of(run, Shown(brain="P", section=section.id))
    (layer,) = view.borders
    assert layer.title == "borders, distance"
    spacing_um = section.spacing_um
    assert layer.lines_um == [[(spacing_um, 2 * spacing_um), (3 * spacing_um, 4 * spacing_um)]]
    assert [plane.name for plane in view.planes] == ["image", "truth"]


def test_a_section_without_truth_is_shown_without(changeable):
    run = changeable
    for folder in (run.dataset.root / "brains").glob("*/truth"):
        shutil.rmtree(folder)
    assert [plane.name for plane in view_of(run, sections_to_view(run)[0]).planes] == [
        "image",
        "baseline",
        "pretrained",
    ]


def test_a_run_without_maps_and_borders_says_what_to_do_first(fresh):
    with pytest.raises(InputError, match="run `gennari segment` or `gennari borders` first"):
        sections_to_view(fresh)


def test_the_report_links_to_every_held_out_section_in_the_viewer(finished):
    page = finished.path("report.html").read_text(encoding="utf-8")
    found = re.findall(r'<a href="view\.html#(\w+)/(\d+)">', page)
    held_out = sections_of(finished, "test")
    assert found == [(name, str(section.id)) for name, sections in held_out.items() for section in sections]
    assert finished.path("view.html").read_text(encoding="utf-8") == viewer_page()
