import shutil

import numpy as np
import pytest
import zarr

from gennari.errors import InputError
from gennari.pipeline.border_places import borders_path
from gennari.pipeline.maps import map_path
from gennari.pipeline.stages import open_run
from gennari.pipeline.viewing import Shown, probabilities_path, sections_to_view, view_of
from gennari.report.planes import Piece
from gennari.sampling.ribbon_places import write_places
from gennari.sources.atomic import write_json
from gennari.sources.sections import read_full, read_labels


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
    scale = [{"type": "scale", "scale": [1.0, spacing_um, spacing_um]}]
    ome = {"multiscales": [{"datasets": [{"path": "0", "coordinateTransformations": scale}]}]}
    path = probabilities_path(run, variant, shown.brain, shown.section)
    zarr.create_group(path, zarr_format=3, attributes={"ome": ome}).create_array("0", data=values)


def test_sections_with_maps_are_shown_with_all_that_is_known_of_them(finished):
    shown = sections_to_view(finished)
    assert {one.brain for one in shown} == set("ABCD")
    view = view_of(finished, shown[0])
    assert [(plane.title, plane.kind) for plane in view.planes] == [
        ("section", "image"), ("areas, truth", "labels"),
        ("areas, from scratch", "labels"), ("areas, pre-trained", "labels"),
    ]  # fmt: skip
    brain = finished.dataset.brain(shown[0].brain)
    image, truth, _, ours = (pixels(plane) for plane in view.planes)
    section = view.section
    assert np.array_equal(image, read_full(brain.image_path(section.id), section.spacing_um))
    assert np.array_equal(truth, brain.truth(section.id).labels)
    assert np.array_equal(ours, read_labels(map_path(finished, "pretrained", brain.name, section.id))[0])
    assert view.borders == ()


def test_uncertainty_is_shown_where_probabilities_were_kept(copied):
    run = open_run(copied / "run")
    shown = sections_to_view(run)[0]
    put_probabilities(run, shown, "pretrained")
    plane = view_of(run, shown).planes[-1]
    assert plane.kind == "uncertainty"
    assert set(np.unique(pixels(plane))) == {55}


def test_borders_are_shown_on_their_sections_in_um(copied, make_pieces):
    run = open_run(copied / "run")
    section = run.dataset.brain("P").sections[1]
    put_borders(run, make_pieces, section.id)
    assert Shown(brain="P", section=section.id) in sections_to_view(run)
    view = view_of(run, Shown(brain="P", section=section.id))
    (layer,) = view.borders
    assert layer.title == "borders, distance"
    spacing_um = section.spacing_um
    assert layer.lines_um == [[(spacing_um, 2 * spacing_um), (3 * spacing_um, 4 * spacing_um)]]
    assert [plane.name for plane in view.planes] == ["image", "truth"]


def test_a_section_without_truth_is_shown_without(copied):
    for folder in (copied / "dataset" / "brains").glob("*/truth"):
        shutil.rmtree(folder)
    run = open_run(copied / "run")
    assert [plane.name for plane in view_of(run, sections_to_view(run)[0]).planes] == [
        "image",
        "baseline",
        "pretrained",
    ]


def test_a_run_without_maps_and_borders_says_what_to_do_first(fresh):
    with pytest.raises(InputError, match="run `gennari segment` or `gennari borders` first"):
        sections_to_view(fresh)
