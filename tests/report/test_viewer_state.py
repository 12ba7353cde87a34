import json

import numpy as np
import pytest

from gennari.frames import coronal
from gennari.records import LabelSet, Section
from gennari.report.planes import array_plane
from gennari.report.viewer_state import SCREEN_PX, BorderLayer, View, border_planes, neuroglancer_state, scene

LABELS = LabelSet(names=("glass", "other", "hOc1"), colours=("#ffffff", "#808080", "#ff0010"), first_area=2)
SECTION = Section(brain="A", id=12, spacing_um=20.0, shape_px=(100, 200), to_brain=coronal(0.0, -1.0, 1.0))
LINE = BorderLayer(title="borders, distance", colour="#d62728", lines_um=[[(1.0, 2.0), (3.0, 4.0), (5.0, 6.0)]])


def view(*maps, uncertain=False, borders=()):
    values = np.zeros((50, 100), np.uint8)
    planes = [array_plane("image", "section", "image", np.zeros((100, 200), np.uint8), 20.0)]
    planes += [array_plane(name, f"areas, {name}", "labels", values, 40.0) for name in maps]
    if uncertain:
        planes.append(array_plane("uncertainty", "uncertainty", "uncertainty", values, 40.0))
    return View(section=SECTION, label_set=LABELS, planes=planes, borders=borders)


def panels(state):
    grid = state["layout"]
    lines = grid["children"] if grid["type"] == "column" else [grid]
    return [viewer["layers"] for line in lines for viewer in line["children"]]


def test_the_whole_section_is_seen_first_from_its_middle_in_um():
    state = neuroglancer_state(view("truth"), "http://h/d")
    assert state["position"][:2] == [2000.0, 1000.0]
    assert state["crossSectionScale"] == 4.0
    assert state["dimensions"]["x"] == (1e-6, "m")
    json.dumps(state)


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (view(borders=[LINE]), [["section", LINE.title]]),
        (view("truth"), [["section", "areas, truth"]]),
        (view("truth", "ours", uncertain=True, borders=[LINE]), [
            ["section", "areas, truth", LINE.title],
            ["section", "areas, ours", LINE.title],
            ["section", "uncertainty", LINE.title],
            ["section"],
        ]),
        (view("truth", "first", "ours"), [["section", "areas, truth"], ["section", "areas, first", "areas, ours"]]),
    ],
)  # fmt: skip
def test_truth_and_maps_stand_side_by_side(given, expected):
    assert panels(neuroglancer_state(given, "http://h/d")) == expected


@pytest.mark.parametrize(("shape_px", "rows"), [((100, 200), 2), ((400, 200), 1)])
def test_viewers_stand_in_one_row_or_two_as_the_section_is_seen_larger(shape_px, rows):
    given = view("truth", "ours")
    section = Section(brain="A", id=12, spacing_um=20.0, shape_px=shape_px, to_brain=coronal(0.0, -1.0, 1.0))
    state = neuroglancer_state(View(section=section, label_set=LABELS, planes=given.planes, borders=()), "http://h/d")
    assert state["layout"]["type"] == ("column" if rows == 2 else "row")
    across = {1: 2, 2: 1}[rows]
    rows_um, cols_um = section.size_um
    assert state["crossSectionScale"] == max(cols_um * across / SCREEN_PX[0], rows_um * rows / SCREEN_PX[1])


def test_every_layer_of_a_panel_is_there_and_of_several_maps_the_last_is_shown():
    state = neuroglancer_state(view("truth", "first", "ours", uncertain=True, borders=[LINE]), "http://h/d")
    layers = {layer["name"]: layer for layer in state["layers"]}
    assert {name for panel in panels(state) for name in panel} == set(layers)
    shown = [layers[f"areas, {name}"]["visible"] for name in ("truth", "first", "ours")]
    assert shown == [True, False, True]
    assert state["selectedLayer"]["layer"] == "areas, ours"


def test_areas_are_shown_in_their_colours_and_tissue_is_not():
    (layer,) = (layer for layer in neuroglancer_state(view("ours"), "http://h/d")["layers"] if "segments" in layer)
    assert layer["source"] == "precomputed://http://h/d/ours"
    assert layer["segments"] == ["3"]
    assert layer["segmentColors"] == {"1": "#ffffff", "2": "#808080", "3": "#ff0010"}


def test_borders_are_images_of_lines_in_the_methods_colours_the_first_of_which_is_shown():
    other = BorderLayer(title="borders, classical", colour="#0000ff", lines_um=[])
    *_, first, second = neuroglancer_state(view("truth", "ours", borders=[LINE, other]), "http://h/d")["layers"]
    assert (first["name"], first["source"], first["visible"]) == (
        LINE.title,
        "precomputed://http://h/d/borders-0",
        True,
    )
    assert (second["source"], second["visible"]) == ("precomputed://http://h/d/borders-1", False)
    assert {first["type"], second["type"]} == {"image"}
    assert "vec4(0.839, 0.153, 0.157, toNormalized" in first["shader"]
    assert [plane.name for plane in border_planes(view(borders=[LINE, other]))] == ["borders-0", "borders-1"]


def test_the_plain_page_is_told_levels_names_and_lines_and_shows_one_map():
    told = scene(view("truth", "ours", uncertain=True, borders=[LINE]))
    assert told["size_um"] == [2000.0, 4000.0]
    assert [(plane["name"], plane["shown"]) for plane in told["planes"]] == [
        ("image", True), ("truth", False), ("ours", True), ("uncertainty", False),
    ]  # fmt: skip
    assert told["planes"][1]["levels"] == [{"spacing_um": 40.0, "shape_px": (50, 100)}]
    assert told["classes"][2] == {"name": "hOc1", "colour": "#ff0010", "area": True}
    assert told["borders"][0]["lines_um"] == LINE.lines_um
    json.dumps(told)
