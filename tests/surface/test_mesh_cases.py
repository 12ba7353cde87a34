"""Meshes as they come: each a right answer or a clear error, for distances, the ribbon and inflation."""

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.records import Hemisphere, TriangleMesh
from gennari.surface.exact import exact_from_vertex
from gennari.surface.geodesic import GeodesicSolver, calibrate
from gennari.surface.inflate import inflate
from gennari.surface.mesh import check_manifold, edges, face_areas_mm2
from gennari.surface.ribbon import cut_ribbon, white_matter

SIDE = 25


def sheet(z_mm: float = 0.0, hole: bool = False) -> TriangleMesh:
    """24 x 24 mm around the origin, flat, diagonals alternating; the hole is 12 x 12 mm."""
    rows, cols = np.mgrid[:SIDE, :SIDE]
    corner = (rows * SIDE + cols)[:-1, :-1].ravel()
    a, b, c, d = corner, corner + SIDE, corner + 1, corner + SIDE + 1
    even = ((rows + cols)[:-1, :-1].ravel() % 2 == 0)[:, None]
    faces = np.where(even, np.column_stack([a, b, c, b, d, c]), np.column_stack([a, d, c, a, b, d]))
    if hole:
        inner = (np.abs(rows[:-1, :-1] - 11.5) < 6) & (np.abs(cols[:-1, :-1] - 11.5) < 6)
        faces = faces[~inner.ravel()]
    points = np.column_stack([cols.ravel() - 12.0, rows.ravel() - 12.0, np.full(SIDE**2, z_mm)])
    return TriangleMesh(vertices_mm=points, faces=np.ascontiguousarray(faces.reshape(-1, 3), np.int32))


def with_faces(mesh: TriangleMesh, more: list[tuple[int, int, int]], points: np.ndarray | None = None) -> TriangleMesh:
    vertices = mesh.vertices_mm if points is None else np.concatenate([mesh.vertices_mm, points])
    return TriangleMesh(vertices_mm=vertices, faces=np.concatenate([mesh.faces, np.array(more, np.int32)]))


def with_degenerate_faces(mesh: TriangleMesh) -> TriangleMesh:
    """Faces of two vertices or one, and a face in a line (its vertices lie on one row of the sheet)."""
    a, b, c = (int(v) for v in mesh.faces[100])
    return with_faces(mesh, [(a, b, b), (c, c, c), (a, a, b)])


def with_a_fin(mesh: TriangleMesh) -> TriangleMesh:
    """A third face on an edge in the middle, standing up by 3 mm."""
    a, b, _ = (int(v) for v in mesh.faces[550])
    top = mesh.vertices_mm[[a, b]].mean(axis=0) + np.array([0, 0, 3.0])
    return with_faces(mesh, [(a, b, len(mesh.vertices_mm))], top[None])


def two(mesh: TriangleMesh) -> TriangleMesh:
    count = np.int32(len(mesh.vertices_mm))
    return TriangleMesh(
        vertices_mm=np.concatenate([mesh.vertices_mm, mesh.vertices_mm + np.array([40.0, 0, 0])]),
        faces=np.concatenate([mesh.faces, mesh.faces + count]),
    )


def cortex(pial: TriangleMesh, white: TriangleMesh) -> Hemisphere:
    wall = np.zeros(len(pial.vertices_mm), bool)
    return Hemisphere(side="L", pial=pial, white=white, inflated=pial, medial_wall=wall)


@pytest.mark.parametrize("name", ["sphere", "plane", "torus", "hole"])
def test_distances_are_exact_within_a_percent(name, sphere, torus, rng):
    mesh = {
        "sphere": lambda: sphere(20.0, 4),
        "plane": sheet,
        "torus": lambda: torus(20.0, 6.0, 60, 24),
        "hole": lambda: sheet(hole=True),
    }[name]()
    source = int(mesh.faces[7, 0])
    exact, found = exact_from_vertex(mesh, source), GeodesicSolver(mesh, calibrate(mesh, rng)).from_vertex(source)
    assert np.array_equal(np.isnan(exact), np.isnan(found))
    far = exact > 5
    error = np.abs(found[far] / exact[far] - 1)
    assert error.mean() < 0.01
    assert np.percentile(error, 99) < 0.045
    assert np.nanmean(np.abs(found - exact)[~far]) < 0.1


def test_the_way_leads_round_a_hole():
    """From the middle of one side to that of the other: to the hole's corner, along it, and back.

    A front that turns round a corner keeps the source's image, not the corner's: 1 % long here.
    """
    mesh, middle = sheet(hole=True), SIDE // 2
    distance = GeodesicSolver(mesh).from_vertex(middle)
    assert distance[(SIDE - 1) * SIDE + middle] == pytest.approx(2 * np.hypot(6, 6) + 12, rel=0.015)


def test_two_pieces_do_not_reach_each_other():
    mesh = two(sheet())
    third = np.full(3, 1 / 3)
    solver = GeodesicSolver(mesh)
    assert np.isnan(solver.from_vertex(0)[SIDE**2 :]).all()
    with pytest.raises(InputError, match="no path leads from face 0 to face 1152"):
        solver.distances(0, third, np.array([1152]), third[None])


def test_degenerate_faces_change_no_distance():
    plain, odd = sheet(), with_degenerate_faces(sheet())
    for distances in (lambda mesh: GeodesicSolver(mesh).from_vertex(30), lambda mesh: exact_from_vertex(mesh, 30)):
        assert np.allclose(distances(odd), distances(plain))


def test_a_face_without_area_is_crossed_like_the_line_it_is():
    """A sliver of three vertices in a line between two halves that meet nowhere else."""
    points = np.array([[0, 0, 0], [4, 0, 0], [2, 0, 0], [2, 3, 0], [2, -3, 0]], float)
    faces = np.array([[0, 1, 3], [0, 4, 2], [2, 4, 1], [0, 2, 1]], np.int32)
    found = GeodesicSolver(TriangleMesh(vertices_mm=points, faces=faces)).from_vertex(3)
    assert found[4] == pytest.approx(6, abs=1e-6)


def test_an_edge_of_three_faces_is_crossed_by_fronts_and_refused_by_the_exact_method(rng):
    plain, finned = sheet(), with_a_fin(sheet())
    found = GeodesicSolver(finned).from_vertex(30)
    assert np.allclose(found[:-1], GeodesicSolver(plain).from_vertex(30))
    a, b = finned.faces[-1, :2]
    assert min(found[a], found[b]) < found[-1] <= min(found[a], found[b]) + np.hypot(3, 1)
    for method in (
        lambda: exact_from_vertex(finned, 30),
        lambda: calibrate(finned, rng),
        lambda: check_manifold(finned),
    ):
        with pytest.raises(InputError, match=f"between vertices {min(a, b)} and {max(a, b)} has 3"):
            method()
    check_manifold(plain)


def test_a_ribbon_with_a_hole_is_open_there(section):
    whole, holed = (cortex(sheet(1.0, hole), sheet(-1.0, hole)) for hole in (False, True))
    plane = section(0.3, 14.0)
    ribbons = [cut_ribbon([sheet_], plane) for sheet_ in (whole, holed)]
    column = (np.arange(ribbons[0].depth.shape[1]) + 0.5) * 0.064 - 14.0
    assert np.array_equal(ribbons[1].cortex, ribbons[0].cortex & (np.abs(column) >= 6 - 1e-9))
    assert ribbons[0].cortex.sum() * 0.064**2 == pytest.approx(48, rel=0.03)


def test_a_ribbon_of_two_pieces_shows_both(section):
    plane = section(0.3, 60.0)
    one, both = (cut_ribbon([cortex(pial, white)], plane) for pial, white in (
        (sheet(1.0), sheet(-1.0)), (two(sheet(1.0)), two(sheet(-1.0)))))  # fmt: skip
    assert both.cortex.sum() == pytest.approx(2 * one.cortex.sum(), rel=0.01)
    assert np.array_equal(both.face[one.cortex], one.face[one.cortex])


def test_degenerate_faces_are_no_cortex(section):
    plane = section(0.3, 14.0)
    plain = cut_ribbon([cortex(sheet(1.0), sheet(-1.0))], plane)
    odd = cut_ribbon([cortex(with_degenerate_faces(sheet(1.0)), with_degenerate_faces(sheet(-1.0)))], plane)
    for name in ("depth", "face", "weights"):
        assert np.array_equal(getattr(plain, name), getattr(odd, name), equal_nan=True)


def test_a_fin_is_cortex_where_it_stands_and_its_contour_is_refused(section):
    pial, white = with_a_fin(sheet(1.0)), with_a_fin(sheet(-1.0))
    middle = pial.vertices_mm[pial.faces[-1]].mean(axis=0)
    plane = section(float(middle[1]) + 0.01, 14.0)
    plain, finned = cut_ribbon([cortex(sheet(1.0), sheet(-1.0))], plane), cut_ribbon([cortex(pial, white)], plane)
    assert (finned.cortex | ~plain.cortex).all()
    assert set(np.unique(finned.face[finned.cortex & ~plain.cortex])) <= {len(pial.faces) - 1}
    with pytest.raises(InputError, match="two at each edge"):
        white_matter([cortex(pial, white)], plane)


@pytest.mark.parametrize("name", ["sphere", "plane", "torus", "hole", "two", "degenerate", "fin"])
def test_inflating_keeps_area_faces_and_finite_places(name, sphere, torus):
    mesh = {
        "sphere": lambda: sphere(20.0, 3),
        "plane": sheet,
        "torus": lambda: torus(20.0, 6.0, 60, 24),
        "hole": lambda: sheet(hole=True),
        "two": lambda: two(sphere(10.0, 3)),
        "degenerate": lambda: with_degenerate_faces(sphere(20.0, 3)),
        "fin": lambda: with_a_fin(sheet()),
    }[name]()
    smooth = inflate(mesh, steps=20)
    assert face_areas_mm2(smooth).sum() == pytest.approx(face_areas_mm2(mesh).sum())
    assert smooth.faces is mesh.faces
    lengths = [np.linalg.norm(np.diff(one.vertices_mm[edges(mesh)], axis=1)[:, 0], axis=1) for one in (mesh, smooth)]
    assert lengths[1].max() < 3 * lengths[0].max()
    if name == "sphere":
        assert np.allclose(np.linalg.norm(smooth.vertices_mm, axis=1), 20, rtol=0.02)


def test_a_surface_without_area_cannot_be_inflated():
    line = TriangleMesh(vertices_mm=np.zeros((3, 3)), faces=np.array([[0, 1, 2]], np.int32))
    with pytest.raises(InputError, match="must have an area"):
        inflate(line)
