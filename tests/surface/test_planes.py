import itertools
from dataclasses import replace

import numpy as np
import pytest

from gennari.frames import Affine
from gennari.records import Section
from gennari.surface.planes import index_planes, parts_met
from gennari.surface.ribbon import cut_ribbon, white_matter


def apart(shell):
    left, right = shell(6.0, 4.0, 3), shell(6.0, 5.0, 3, side="R")
    moved = {name: replace(getattr(right, name), vertices_mm=getattr(right, name).vertices_mm + np.array([9, 2, 0]))
             for name in ("pial", "white", "inflated")}  # fmt: skip
    return [left, replace(right, **moved)]


def tilted(plane: Section, angle_deg: float) -> Section:
    """The plane turned about its row axis."""
    turn = np.eye(4)
    c, s = np.cos(np.radians(angle_deg)), np.sin(np.radians(angle_deg))
    turn[1:3, 1:3] = [[c, -s], [s, c]]
    to_brain = plane.to_brain
    return replace(plane, to_brain=Affine(
        matrix=to_brain.matrix @ turn, source=to_brain.source, target=to_brain.target))  # fmt: skip


def seen_from_behind(plane: Section) -> Section:
    """The same plane, its normal the other way."""
    return replace(plane, to_brain=replace(plane.to_brain, matrix=plane.to_brain.matrix @ np.diag([1, 1, -1, 1.0])))


def test_an_index_finds_the_faces_that_looking_at_all_finds(shell, section, rng):
    halves = apart(shell)
    index = index_planes(halves, section(99.0, 12.0))
    edges = np.unique(halves[0].pial.vertices_mm[:, 1])[[0, 7, -1]]
    for y_mm in (*rng.uniform(-7, 9, 30), *edges, -50.0, 50.0, index.lowest_mm, index.lowest_mm + 0.5):
        for part, direct in zip(
            parts_met(halves, section(y_mm, 12.0), index), parts_met(halves, section(y_mm, 12.0)), strict=True
        ):
            assert np.array_equal(part.face, direct.face)
            assert np.array_equal(part.pial.vertices_mm, direct.pial.vertices_mm)
            assert (part.outward, part.side) == (direct.outward, direct.side)


def test_what_is_met_is_what_has_corners_on_both_sides(shell, section):
    half = apart(shell)[0]
    (part,) = parts_met([half], section(1.234, 12.0))
    y = np.stack([mesh.vertices_mm[mesh.faces][..., 1] for mesh in (half.pial, half.white)], axis=1).reshape(-1, 6)
    assert np.array_equal(part.face, np.flatnonzero((y.min(axis=1) <= 1.234) & (y.max(axis=1) >= 1.234)))
    for mesh, whole in ((part.pial, half.pial), (part.white, half.white)):
        assert np.array_equal(mesh.vertices_mm[mesh.faces], whole.vertices_mm[whole.faces[part.face]])


def test_an_index_changes_nothing_but_the_time(shell, section):
    halves = apart(shell)
    index = index_planes(halves, section(0.0, 16.0))
    other = tilted(section(0.5, 16.0), 20.0)
    for plane in (section(-1.2, 16.0), section(3.4, 16.0), other, seen_from_behind(section(0.5, 16.0))):
        with_index, without = cut_ribbon(halves, plane, 100.0, index), cut_ribbon(halves, plane, 100.0)
        assert with_index.cortex.any()
        for name in ("depth", "face", "weights", "side"):
            assert np.array_equal(getattr(with_index, name), getattr(without, name), equal_nan=True)
        assert np.array_equal(white_matter(halves, plane, 100.0, index=index), white_matter(halves, plane, 100.0))


def test_a_mesh_turned_inside_out_and_a_section_seen_from_the_other_side_are_the_same_cortex(shell, section):
    half = apart(shell)[0]
    turned = {name: replace(getattr(half, name), faces=np.ascontiguousarray(half.pial.faces[:, ::-1]))
              for name in ("pial", "white", "inflated")}  # fmt: skip
    sheets = (half, replace(half, **turned))
    assert [parts_met([sheet], section(0.3, 12.0))[0].outward for sheet in sheets] == [1, -1]
    mirror = seen_from_behind(section(0.3, 12.0))
    ribbons = [cut_ribbon([sheet], plane) for sheet, plane in itertools.product(sheets, (section(0.3, 12.0), mirror))]
    for ribbon in ribbons[1:]:
        assert np.allclose(ribbon.depth, ribbons[0].depth, equal_nan=True)


def test_an_index_of_other_hemispheres_is_refused(shell, section):
    halves = apart(shell)
    index = index_planes(halves[:1], section(0.0, 12.0))
    for others in (halves, [halves[1]]):
        with pytest.raises(ValueError, match="serves the hemispheres it was made of"):
            cut_ribbon(others, section(0.0, 12.0), index=index)
