"""On a folded sheet: two banks 1 mm apart through the air, several along the sheet."""

from dataclasses import replace

import numpy as np
import pytest

from gennari.apply.tracking import curve_numbers, sections_found_on, track_borders
from gennari.records import Hemisphere, TriangleMesh

ORDER = (100, 101, 102, 103, 104)


@pytest.fixture(scope="module")
def folded():
    """A sheet 8 mm long (y) that runs 10 mm up, 1 mm over and 10 mm down; places by (along, y) in its grid."""
    along, y = np.linspace(0, 21, 85), np.linspace(0, 8, 33)
    x = np.clip(along - 10, 0, 1)
    z = np.where(along < 10, along, np.where(along > 11, 21 - along, 10))
    points = np.stack(np.broadcast_arrays(x[:, None], y[None], z[:, None]), axis=-1).reshape(-1, 3)
    number = np.arange(points.shape[0]).reshape(85, 33)
    a, b, c, d = (n.ravel() for n in (number[:-1, :-1], number[1:, :-1], number[:-1, 1:], number[1:, 1:]))
    faces = np.concatenate([np.stack([a, b, c], axis=1), np.stack([d, c, b], axis=1)]).astype(np.int32)
    mesh = TriangleMesh(vertices_mm=points, faces=faces)
    wall = np.zeros(len(points), bool)
    left, right = (Hemisphere(side=s, pial=mesh, white=mesh, inflated=mesh, medial_wall=wall) for s in "LR")
    return left, right


@pytest.fixture
def sheet(folded, make_pieces):
    """sheet((section, along_mm[, side]), ...): an open piece of two places for each, the gap at this place."""

    def make(*borders):
        places = make_pieces(*[(2, False)] * len(borders))
        rows = np.repeat(np.arange(len(borders)), 2)
        section = np.array([b[0] for b in borders], np.int32)[rows]
        along = np.array([b[1] for b in borders])[rows]
        side = np.array([b[2] if len(b) > 2 else 0 for b in borders], np.int8)[rows]
        y = 1.0 + (section - 100)
        x, z = np.clip(along - 10, 0, 1), np.where(along < 10, along, np.where(along > 11, 21 - along, 10))
        point = np.stack([x, y, z], axis=1)
        vertex = (np.round(along * 4) * 33 + np.round(y * 4)).astype(np.int32)
        mesh = folded[0].mid
        face = np.array([np.flatnonzero((mesh.faces == v).any(axis=1))[0] for v in vertex], np.int32)
        weights = (mesh.faces[face] == vertex[:, None]).astype(float)
        patches = replace(
            places.patches, section=section, side=side, brain_mm=point, face=face, weights=weights, vertex=vertex
        )
        return replace(places, patches=patches), np.tile([True, False], len(borders))

    return make


def tracked(folded, sheet, borders, reach_mm=2.0, order=ORDER):
    places, accepted = sheet(*borders)
    curves = track_borders(places, accepted, order, folded, reach_mm=reach_mm)
    return curves, [[(c.gaps // 2)[k] for k in range(len(c))] for c in curves]


def test_a_border_that_wanders_is_one_curve_in_the_order_of_the_sections(folded, sheet):
    borders = [(102, 5.5), (100, 4.0), (101, 5.0), (103, 6.0)]
    curves, members = tracked(folded, sheet, borders)
    assert members == [[1, 2, 0, 3]]
    (curve,) = curves
    assert curve.side == "L"
    assert curve.recurs
    assert np.allclose(curve.points_mm, [[0, 1, 4], [0, 2, 5], [0, 3, 5.5], [0, 4, 6]])
    assert np.allclose(folded[0].mid.vertices_mm[curve.vertices], curve.points_mm)
    assert sections_found_on(curves, 8).tolist() == [4, 0, 4, 0, 4, 0, 4, 0]
    assert curve_numbers(curves, 8).tolist() == [0, -1, 0, -1, 0, -1, 0, -1]


def test_the_opposite_bank_is_no_neighbour(folded, sheet):
    borders = [(100, 5.0), (101, 16.0), (102, 5.0)]  # 1 mm away through the air, 11 along the sheet
    _, members = tracked(folded, sheet, borders)
    assert members == [[0], [1], [2]]
    _, members = tracked(folded, sheet, [(100, 9.75), (101, 11.25)], reach_mm=2.0)  # round the top: 1.5 mm along it
    assert members == [[0, 1]]


def test_a_section_without_the_border_ends_the_curve(folded, sheet):
    curves, members = tracked(folded, sheet, [(100, 5.0), (101, 5.0), (103, 5.0), (104, 5.0)], reach_mm=3.0)
    assert members == [[0, 1], [2, 3]]
    assert not any(curve.recurs for curve in curves)
    _, members = tracked(folded, sheet, [(100, 5.0), (101, 5.0), (103, 5.0)], reach_mm=3.0, order=(100, 101, 103))
    assert members == [[0, 1, 2]]


def test_sides_do_not_mix_and_reach_is_as_asked(folded, sheet):
    _, members = tracked(folded, sheet, [(100, 5.0, 0), (101, 5.0, 1), (102, 5.0, 1)])
    assert members == [[0], [1, 2]]
    _, members = tracked(folded, sheet, [(100, 5.0), (101, 6.0)], reach_mm=1.3)  # 1.41 mm
    assert members == [[0], [1]]
    _, members = tracked(folded, sheet, [(100, 5.0), (101, 6.0)], reach_mm=1.5)
    assert members == [[0, 1]]


def test_as_many_as_can_be_are_paired_then_the_shortest_in_sum(folded, sheet):
    # the nearest first would leave 6.0 without a partner
    _, members = tracked(folded, sheet, [(100, 5.0), (100, 6.0), (101, 4.0), (101, 5.25)], reach_mm=1.5)
    assert members == [[0, 2], [1, 3]]
    _, members = tracked(folded, sheet, [(100, 5.0), (100, 6.0), (101, 6.0), (101, 5.0)])
    assert members == [[0, 3], [1, 2]]


def test_no_border_gives_no_curve_and_wrong_ones_are_refused(folded, sheet):
    places, accepted = sheet((100, 5.0))
    assert track_borders(places, accepted & False, ORDER, folded, reach_mm=1.0) == []
    with pytest.raises(ValueError, match="but 100 is not among them"):
        track_borders(places, accepted, (101, 102), folded, reach_mm=1.0)
    with pytest.raises(ValueError, match="behind the last place of an open piece"):
        track_borders(places, ~accepted, ORDER, folded, reach_mm=1.0)
