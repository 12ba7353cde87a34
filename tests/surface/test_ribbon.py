import itertools
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gennari.frames import Affine, Frame, coronal
from gennari.records import Hemisphere, Ribbon, Section, TriangleMesh
from gennari.sources.bigbrain import section_y_mm
from gennari.sources.surfaces import read_hemispheres
from gennari.surface.contours import fill_polygons, plane_contours
from gennari.surface.planes import PlaneIndex, index_planes, parts_met
from gennari.surface.ribbon import cut_ribbon, ribbon_points_mm, white_matter

GRID_UM = 64.0


def centres_mm(ribbon: Ribbon, section: Section) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    rows, cols = np.nonzero(ribbon.cortex)
    return rows, cols, section.brain_mm((np.column_stack([rows, cols]) + 0.5) * ribbon.spacing_um)


def hemisphere(pial: np.ndarray, white: np.ndarray, faces: np.ndarray, side="L", wall=None) -> Hemisphere:
    outer, inner = (TriangleMesh(vertices_mm=points, faces=faces.astype(np.int32)) for points in (pial, white))
    wall = np.zeros(len(pial), bool) if wall is None else wall
    return Hemisphere(side=side, pial=outer, white=inner, inflated=outer, medial_wall=wall)


def slab(z_pial_mm: float, z_white_mm: float, side="L", left_mm=-1.0, right_mm=1.0) -> Hemisphere:
    """A flat sheet of cortex, two faces, pial above."""
    corners = np.array([[left_mm, -1, 0], [right_mm, -1, 0], [right_mm, 1, 0], [left_mm, 1, 0]], float)
    pial, white = (corners + np.array([0, 0, z]) for z in (z_pial_mm, z_white_mm))
    return hemisphere(pial, white, np.array([[0, 1, 2], [0, 2, 3]]), side)


def rumpled(shell, rng, amount_mm: float) -> Hemisphere:
    """A thick sphere with vertices moved at random, so that some prisms are turned inside out."""
    ball = shell(10.0, 7.5, 3)
    moved = [mesh.vertices_mm + rng.normal(0, amount_mm, mesh.vertices_mm.shape) for mesh in (ball.pial, ball.white)]
    order = rng.permutation(len(moved[0]))  # so that low and high indices stand in no special order
    return hemisphere(moved[0][np.argsort(order)], moved[1][np.argsort(order)], order[ball.pial.faces])


@pytest.mark.parametrize("y_mm", [0.0, 11.3, -24.0])
def test_depth_and_area_of_a_thick_sphere(shell, section, y_mm):
    plane = section(y_mm, 31.0)
    ribbon = cut_ribbon([shell(30.0, 27.0, 6)], plane, GRID_UM)
    _, _, points = centres_mm(ribbon, plane)
    depth = (30.0 - np.linalg.norm(points, axis=1)) / 3.0
    inner = (depth > 0.02) & (depth < 0.98)
    assert np.abs(ribbon.depth[ribbon.cortex] - depth)[inner].max() < 1e-3
    assert ribbon.cortex.sum() * (GRID_UM / 1000) ** 2 == pytest.approx(np.pi * (900 - 729), rel=5e-3)


@pytest.mark.parametrize("y_mm", [0.01, 1.7, -2.6])
def test_depth_and_area_of_a_thick_torus(torus, section, y_mm):
    """Its core circle lies in the plane y = 0, so that each section shows a ring within a ring."""
    core_mm, outer_mm, inner_mm = 14.0, 5.0, 3.0
    sheet = hemisphere(*(torus(core_mm, radius).vertices_mm for radius in (outer_mm, inner_mm)), torus(1, 1).faces)
    plane = section(y_mm, 20.0)
    ribbon = cut_ribbon([sheet], plane, GRID_UM)
    _, _, points = centres_mm(ribbon, plane)
    radius = np.hypot(np.hypot(points[:, 0], points[:, 2]) - core_mm, points[:, 1])
    depth = (outer_mm - radius) / (outer_mm - inner_mm)
    inner = (depth > 0.04) & (depth < 0.96)
    assert np.abs(ribbon.depth[ribbon.cortex] - depth)[inner].max() < 1e-3
    width = np.sqrt(outer_mm**2 - y_mm**2) - np.sqrt(inner_mm**2 - y_mm**2)
    assert ribbon.cortex.sum() * (GRID_UM / 1000) ** 2 == pytest.approx(4 * np.pi * core_mm * width, rel=5e-3)


def test_outside_cortex_nothing_is_said(shell, section):
    ribbon = cut_ribbon([shell(10.0, 8.0, 3, side="R")], section(1.0, 12.0), GRID_UM)
    outside = ~ribbon.cortex
    assert np.isnan(ribbon.depth[outside]).all()
    assert (ribbon.side[outside] == -1).all()
    assert (ribbon.weights[outside] == 0).all()
    assert (ribbon.side[ribbon.cortex] == 1).all()
    assert np.allclose(ribbon.weights[ribbon.cortex].sum(axis=-1), 1, atol=1e-6)


def test_depth_and_place_lead_back_to_the_pixel(shell, section, rng):
    ball, plane = rumpled(shell, rng, 0.3), section(2.0, 12.0)
    ribbon = cut_ribbon([ball], plane, GRID_UM)
    rows, cols, points = centres_mm(ribbon, plane)
    assert np.abs(ribbon_points_mm(ribbon, [ball], rows, cols) - points).max() < 1e-4
    with pytest.raises(ValueError, match="must be cortex"):
        ribbon_points_mm(ribbon, [ball], np.array([0]), np.array([0]))


def test_a_tilted_plane_leads_back_to_its_pixels_too(shell):
    turn = np.linalg.qr(np.array([[1, 2, 0.5], [0.3, -1, 1], [2, 0.1, 1]]))[0]
    matrix = np.eye(4)
    matrix[:3, :3], matrix[:3, 3] = turn * 1e-3, turn @ (-12, -12, 1.5)
    to_brain = Affine(matrix=matrix, source=Frame.SECTION_UM, target=Frame.BRAIN_MM)
    plane = Section(brain="ball", id=1, spacing_um=32.0, shape_px=(750, 750), to_brain=to_brain)
    ball = shell(10.0, 8.0, 4)
    ribbon = cut_ribbon([ball], plane, 100.0)
    rows, cols, points = centres_mm(ribbon, plane)
    assert ribbon.cortex.sum() * 0.01 == pytest.approx(np.pi * 36, rel=0.02)
    assert np.abs(ribbon_points_mm(ribbon, [ball], rows, cols) - points).max() < 1e-4


def test_a_pixel_agrees_with_solving_every_tetrahedron(shell, section, rng):
    ball, plane = shell(10.0, 8.0, 2), section(0.7, 12.0)
    ribbon = cut_ribbon([ball], plane, GRID_UM)
    rows, cols, points = centres_mm(ribbon, plane)
    pial, white = ball.pial.vertices_mm, ball.white.vertices_mm
    for pick in rng.integers(0, len(rows), 40):
        pixel = rows[pick], cols[pick]
        face = ball.pial.faces[ribbon.face[pixel]]
        a, b, c = sorted(face)
        found = []
        for outer, inner in (((a, b, c), (c,)), ((a, b), (b, c)), ((a,), (a, b, c))):
            corners = np.concatenate([pial[list(outer)], white[list(inner)]])
            system = np.vstack([corners.T, np.ones(4)])
            shares = np.linalg.solve(system, np.append(points[pick], 1))
            if (shares > -1e-9).all():
                weights = [
                    sum(s for s, v in zip(shares, (*outer, *inner), strict=True) if v == corner) for corner in face
                ]
                found.append((shares[len(outer) :].sum(), weights))
        assert any(
            np.allclose(ribbon.depth[pixel], depth, atol=1e-6)
            and np.allclose(ribbon.weights[pixel], weights, atol=1e-6)
            for depth, weights in found
        )


def test_neighbouring_prisms_leave_no_seam_and_cover_nothing_twice(shell, section, rng):
    """Between the contours every pixel is cortex, and outside them none is, when no prism is inside out."""
    ball = rumpled(shell, rng, 0.05)
    for y_mm in (*rng.uniform(-9, 9, 20), ball.pial.vertices_mm[17, 1], ball.white.vertices_mm[23, 1]):
        plane = section(float(y_mm), 12.0)
        ribbon = cut_ribbon([ball], plane, GRID_UM)
        outer, inner = (
            fill_polygons([ring / GRID_UM for ring in plane_contours(mesh, plane)], ribbon.depth.shape)
            for mesh in (ball.pial, ball.white)
        )
        assert np.array_equal(ribbon.cortex, outer & ~inner)


def test_depth_is_continuous_across_prisms(shell, section, rng):
    plane = section(0.4, 12.0)
    ribbon = cut_ribbon([rumpled(shell, rng, 0.05)], plane, 16.0)
    steps = np.concatenate([np.diff(ribbon.depth, axis=axis).ravel() for axis in (0, 1)])
    assert np.nanmax(np.abs(steps)) < 2.5 * 16.0 / 2500


def test_reordering_and_flipping_a_mesh_does_not_move_the_cortex(shell, section, rng):
    ball, plane = shell(10.0, 8.0, 3), section(1.0, 12.0)
    order = rng.permutation(len(ball.pial.vertices_mm))
    place = np.argsort(order)
    other = hemisphere(ball.pial.vertices_mm[order], ball.white.vertices_mm[order], place[ball.pial.faces][:, ::-1])
    ribbons = [cut_ribbon([ball], plane, GRID_UM), cut_ribbon([other], plane, GRID_UM)]
    assert (ribbons[0].cortex != ribbons[1].cortex).mean() < 1e-3
    both = ribbons[0].cortex & ribbons[1].cortex
    assert np.abs(ribbons[0].depth - ribbons[1].depth)[both].max() < 0.02  # other diagonals, the same sheet


def test_the_medial_wall_is_no_cortex(shell, section):
    ball, plane = shell(10.0, 8.0, 4), section(0.0, 12.0)
    wall = ball.pial.vertices_mm[:, 0] > 3
    ribbon = cut_ribbon([hemisphere(ball.pial.vertices_mm, ball.white.vertices_mm, ball.pial.faces, wall=wall)], plane)
    _, _, points = centres_mm(ribbon, plane)
    whole = cut_ribbon([ball], plane)
    assert not wall[ball.pial.faces[ribbon.face[ribbon.cortex]]].all(axis=1).any()
    kept = ~wall[ball.pial.faces[whole.face[whole.cortex]]].all(axis=1)
    assert np.array_equal(ribbon.cortex[whole.cortex], kept)
    assert points[:, 0].max() < 4.5


def test_two_banks_that_overlap_part_where_they_are_equally_deep(section):
    # banks of 2 mm thickness, facing each other, overlapping by 1 mm around z = 0
    above, below = slab(-0.5, 1.5, "L"), slab(0.5, -1.5, "R")
    plane = section(0.013, 3.0)
    for banks in itertools.permutations((above, below)):
        ribbon = cut_ribbon(banks, plane, GRID_UM)
        rows, _, points = centres_mm(ribbon, plane)
        assert np.array_equal(ribbon.side[ribbon.cortex] == 0, points[:, 2] > 0)
        assert ribbon.depth[ribbon.cortex].min() > 0.25
        assert len(np.unique(rows)) == 47


@pytest.mark.parametrize("turned_first", [True, False])
def test_a_prism_inside_out_gives_way_but_is_cortex_alone(section, turned_first):
    # the right one is mostly sound (x 2..9) and inside out at x -1..1, there at mid depth where the left one is not
    sound, turned = slab(0.4, -3.6, "R", 2.0, 9.0), slab(-1.0, 1.0, "R")
    pial = np.concatenate([sound.pial.vertices_mm, turned.pial.vertices_mm])
    white = np.concatenate([sound.white.vertices_mm, turned.white.vertices_mm])
    mixed = hemisphere(pial, white, np.concatenate([sound.pial.faces, turned.pial.faces + 4]), "R")
    plane = section(0.013, 10.0)
    left = slab(0.4, -3.6, "L")
    both = cut_ribbon([mixed, left] if turned_first else [left, mixed], plane, GRID_UM)
    alone = cut_ribbon([mixed], plane, GRID_UM)
    inside = cut_ribbon([left], plane, GRID_UM).cortex
    assert (both.side[inside] == 0).all()
    middle = alone.cortex & (np.arange(both.depth.shape[1]) < 11_500 / GRID_UM)
    assert middle.sum() == pytest.approx(2 * 2 / 0.064**2, rel=0.03)
    assert (both.side[middle & ~inside] == 1).all()


def test_white_matter_is_what_the_cortex_encloses(shell, section):
    ball, plane = shell(10.0, 8.0, 5), section(1.0, 12.0)
    ribbon = cut_ribbon([ball], plane)
    white = white_matter([ball], plane)
    assert np.array_equal(white, white_matter([ball], plane, ribbon=ribbon))
    assert white.sum() * 0.064**2 == pytest.approx(np.pi * (64 - 1), rel=5e-3)
    assert not (white & ribbon.cortex).any()
    with pytest.raises(ValueError, match="must be that of section 1 at 32"):
        white_matter([ball], plane, 32.0, ribbon=ribbon)


def test_a_spacing_that_is_not_positive_is_refused(shell, section):
    with pytest.raises(ValueError, match="positive spacing"):
        cut_ribbon([shell(10.0, 8.0, 1)], section(0.0, 12.0), 0.0)


def test_a_plane_outside_the_brain_has_no_ribbon(shell, section):
    ribbon = cut_ribbon([shell(10.0, 8.0, 2)], section(10.5, 12.0))
    assert not ribbon.cortex.any()
    assert not white_matter([shell(10.0, 8.0, 2)], section(10.5, 12.0)).any()


@pytest.fixture(scope="module")
def bigbrain(real_data: Path) -> tuple[Hemisphere, Hemisphere]:
    return read_hemispheres(real_data / "bigbrain", bigbrain=True)


def bigbrain_section(number: int) -> Section:
    to_brain = coronal(y_mm=section_y_mm(number), left_mm=-72.0, top_mm=80.0)
    return Section(brain="bigbrain", id=number, spacing_um=32.0, shape_px=(4700, 4500), to_brain=to_brain)


def between_contours(brain, plane: Section, shape: tuple[int, int], index: PlaneIndex) -> np.ndarray:
    """Inside a pial and outside its white surface, by filling their contours."""
    between = np.zeros(shape, bool)
    for part in parts_met(brain, plane, index):
        outer, inner = (
            fill_polygons([ring / GRID_UM for ring in plane_contours(mesh, plane)], shape, "winding")
            for mesh in (part.pial, part.white)
        )
        between |= outer & ~inner
    return between


@pytest.mark.real
@pytest.mark.slow
def test_the_real_ribbon_fills_the_space_between_its_contours(bigbrain):
    """Every 50th section: no pixel between the contours is missed but on the medial wall, places lead back.

    Holes of one pixel are left where a sulcus or a blade of white matter is narrower than a pixel, and on the wall.
    """
    index = index_planes(bigbrain, bigbrain_section(0))
    bare = tuple(replace(half, medial_wall=np.zeros_like(half.medial_wall)) for half in bigbrain)
    cut = 0
    for number in range(0, 7404, 50):
        plane = bigbrain_section(number)
        ribbon, whole = (cut_ribbon(halves, plane, GRID_UM, index) for halves in (bigbrain, bare))
        between = between_contours(bigbrain, plane, ribbon.depth.shape, index)
        assert not (between & ~whole.cortex).any()
        assert (whole.cortex & ~between).sum() <= max(2, 5e-4 * whole.cortex.sum())
        for side, half in enumerate(bigbrain):
            walls = half.medial_wall[half.pial.faces].all(axis=1)
            assert not walls[ribbon.face[ribbon.side == side]].any()
            assert walls[whole.face[whole.cortex & ~ribbon.cortex & (whole.side == side)]].all()
        rows, cols, points = centres_mm(ribbon, plane)
        some = np.arange(number % 20, len(rows), 20)
        if len(some):
            back = ribbon_points_mm(ribbon, bigbrain, rows[some], cols[some])
            assert np.abs(back - points[some]).max() < 1e-4
        cut += bool(len(some))
    assert cut > 140
