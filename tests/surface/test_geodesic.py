import importlib.util
from pathlib import Path

import nibabel
import numpy as np
import potpourri3d
import pytest

from gennari.errors import InputError
from gennari.records import TriangleMesh
from gennari.surface.exact import exact_from_point, exact_from_vertex
from gennari.surface.geodesic import Calibration, GeodesicSolver, calibrate


def plane(side: int) -> TriangleMesh:
    """A flat square of side x side vertices, 1 mm apart, diagonals alternating."""
    rows, cols = np.mgrid[:side, :side]
    corner = (rows * side + cols)[:-1, :-1].ravel()
    down, right = side, 1
    one = np.column_stack([corner, corner + down, corner + right, corner + down, corner + down + right, corner + right])
    two = np.column_stack([corner, corner + down + right, corner + right, corner, corner + down, corner + down + right])
    faces = np.where((corner % 2 == 0)[:, None], one, two).reshape(-1, 3).astype(np.int32)
    return TriangleMesh(vertices_mm=np.column_stack([rows.ravel(), cols.ravel(), np.zeros(side**2)]), faces=faces)


def mid_surface(pial: Path, white: Path) -> TriangleMesh:
    outer, inner = nibabel.load(pial), nibabel.load(white)
    points = 0.5 * (outer.darrays[0].data.astype(float) + inner.darrays[0].data)
    return TriangleMesh(vertices_mm=points, faces=outer.darrays[1].data.astype(np.int32))


def two_balls(sphere) -> tuple[TriangleMesh, int]:
    ball = sphere(10.0, 3)
    count = len(ball.vertices_mm)
    points = np.concatenate([ball.vertices_mm, ball.vertices_mm + np.array([50, 0, 0]), [[9, 9, 9]]])
    return TriangleMesh(vertices_mm=points, faces=np.concatenate([ball.faces, ball.faces + np.int32(count)])), count


def test_distances_on_a_plane_are_straight_lines():
    """Right triangles that alternate are Delaunay already: there the front is exact."""
    sheet = plane(41)
    source = 20 * 41 + 20
    straight = np.linalg.norm(sheet.vertices_mm - sheet.vertices_mm[source], axis=1)
    assert np.allclose(GeodesicSolver(sheet).from_vertex(source), straight, atol=1e-9)


def test_distances_on_a_crumpled_sheet_of_slivers_are_nearly_straight(rng):
    """Vertices moved within the plane make obtuse triangles; straightening takes most of the error away."""
    sheet = plane(41)
    moved = sheet.vertices_mm + np.column_stack([rng.uniform(-0.25, 0.25, (41**2, 2)), np.zeros(41**2)])
    source = 20 * 41 + 20
    straight = np.linalg.norm(moved - moved[source], axis=1)
    found = GeodesicSolver(TriangleMesh(vertices_mm=moved, faces=sheet.faces)).from_vertex(source)
    assert (found >= straight).all()
    assert (found - straight).max() < 0.05


def test_distances_on_a_sphere_are_great_circles(sphere, rng):
    ball = sphere(20.0, 5)
    solver = GeodesicSolver(ball, calibrate(ball, rng))
    arc = 20 * np.arccos(np.clip(ball.vertices_mm @ ball.vertices_mm[100] / 400, -1, 1))
    distances = solver.from_vertex(100)
    assert distances[100] == 0
    assert np.abs(distances - arc)[arc > 5].mean() < 0.003 * arc.mean()
    assert np.abs(exact_from_vertex(ball, 100) - arc).max() < 0.005 * 20 * np.pi


def test_distances_are_close_to_exact_on_a_folded_cortex_and_closer_than_the_heat_methods(rng):
    """fsaverage5 as bundled with nilearn; 10,242 vertices, so coarser than what the distances are used on."""
    spec = importlib.util.find_spec("nilearn")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent / "datasets" / "data" / "fsaverage5"
    cortex = mid_surface(folder / "pial_left.gii.gz", folder / "white_left.gii.gz")
    calibration = calibrate(cortex, rng)
    raw, calibrated = GeodesicSolver(cortex), GeodesicSolver(cortex, calibration)
    heat = potpourri3d.MeshHeatMethodDistanceSolver(cortex.vertices_mm, cortex.faces)
    errors = {"heat": [], "raw": [], "calibrated": [], "near": []}
    for vertex in (1234, 8765):
        exact = exact_from_vertex(cortex, vertex)
        far = exact > 5
        errors["heat"].append(np.abs(heat.compute_distance(vertex)[far] / exact[far] - 1))
        errors["raw"].append(np.abs(raw.from_vertex(vertex)[far] / exact[far] - 1))
        errors["calibrated"].append(np.abs(calibrated.from_vertex(vertex)[far] / exact[far] - 1))
        errors["near"].append(np.abs(calibrated.from_vertex(vertex) - exact)[~far])
    mean = {name: np.concatenate(rows).mean() for name, rows in errors.items()}
    assert mean["calibrated"] < 0.006
    assert mean["calibrated"] < mean["raw"] < mean["heat"]
    assert mean["near"] < 0.05
    assert np.percentile(np.concatenate(errors["calibrated"]), 99) < 0.02
    assert calibration.mean_relative_error == pytest.approx(mean["calibrated"], abs=0.002)


def test_a_source_inside_a_face_is_as_good_as_a_vertex(sphere, rng):
    """Against exact distances from the same place, made a vertex."""
    bumpy = sphere(20.0, 4)
    bumpy = TriangleMesh(vertices_mm=bumpy.vertices_mm + rng.normal(0, 0.2, bumpy.vertices_mm.shape), faces=bumpy.faces)
    solver = GeodesicSolver(bumpy, calibrate(bumpy, rng))
    for weights in (rng.dirichlet(np.ones(3)), np.array([0.5, 0.5, 0.0]), np.array([0.98, 0.01, 0.01])):
        exact, found = exact_from_point(bumpy, 77, weights), solver.from_point(77, weights)
        far = exact > 5
        assert np.abs(found / exact - 1)[far].mean() < 0.006
        assert np.abs(found - exact)[~far].mean() < 0.02


def test_a_calibration_is_nothing_near_by_and_its_excess_far_away():
    calibration = Calibration(excess=0.25, reach_mm=10.0)
    assert np.allclose(calibration.apply(np.array([0.0, 10.0, 1e6])), [0.0, 10 / 1.125, 1e6 / 1.25], rtol=1e-4)
    assert calibration.apply(np.array([0.01]))[0] == pytest.approx(0.01, rel=1e-3)


def test_a_calibration_finds_the_law_and_states_the_error(monkeypatch, sphere, rng):
    """Where 'exact' is the front bent by a known law, that law is found and no error is left far away."""
    ball = sphere(20.0, 4)
    solver, law = GeodesicSolver(ball), Calibration(excess=0.05, reach_mm=40.0)
    monkeypatch.setattr(
        "gennari.surface.geodesic.exact_from_vertex", lambda mesh, v: law.apply(solver.front_from_vertex(v))
    )
    found = calibrate(ball, rng, sources=3)
    assert (found.excess, found.reach_mm) == pytest.approx((0.05, 40.0), rel=1e-6)
    assert found.mean_relative_error < 1e-3
    assert found.sources == 3


def test_a_calibration_from_one_source_is_refused(sphere, rng):
    with pytest.raises(ValueError, match="at least 2 sources"):
        calibrate(sphere(1.0, 1), rng, sources=1)


def test_a_place_at_a_corner_is_that_vertex(sphere):
    ball = sphere(20.0, 3)
    solver = GeodesicSolver(ball)
    corner = solver.from_point(7, np.array([0.0, 1.0, 0.0]))
    assert np.allclose(corner, solver.from_vertex(int(ball.faces[7, 1])), atol=1e-9)


def test_distances_between_places_inside_faces_follow_the_sphere(sphere, rng):
    ball = sphere(20.0, 5)
    solver = GeodesicSolver(ball, calibrate(ball, rng))
    face, weights = rng.integers(0, len(ball.faces), 300), rng.dirichlet(np.ones(3), 300)
    places = np.einsum("nc,ncx->nx", weights, ball.vertices_mm[ball.faces[face]])
    units = places / np.linalg.norm(places, axis=1, keepdims=True)
    arc = 20 * np.arccos(np.clip(units @ units[0], -1, 1))
    distances = solver.distances(int(face[0]), weights[0], face, weights)
    assert distances[0] == pytest.approx(0, abs=1e-12)
    assert np.abs(distances - arc).max() < 0.02 * 20 * np.pi
    back = solver.distances(int(face[9]), weights[9], face[:1], weights[:1])
    assert back[0] == pytest.approx(distances[9], rel=0.02)


def test_places_in_the_same_or_the_next_face_are_a_straight_line_apart(sphere, rng):
    ball = sphere(20.0, 4)
    solver = GeodesicSolver(ball)
    start, ends = rng.dirichlet(np.ones(3)), rng.dirichlet(np.ones(3), 20)
    corners = ball.vertices_mm[ball.faces[11]]
    distances = solver.distances(11, start, np.full(20, 11), ends)
    assert np.allclose(distances, np.linalg.norm((ends - start) @ corners, axis=1), rtol=1e-6)


def test_no_distance_is_shorter_than_the_straight_line(sphere):
    ball = sphere(20.0, 4)
    solver = GeodesicSolver(ball, Calibration(excess=9.0, reach_mm=1e-3))
    straight = np.linalg.norm(ball.vertices_mm - ball.vertices_mm[3], axis=1)
    assert np.array_equal(solver.from_vertex(3), straight)


def test_another_piece_of_the_mesh_is_nan_and_refused_when_asked_for(sphere):
    both, count = two_balls(sphere)
    solver = GeodesicSolver(both)
    alone = GeodesicSolver(sphere(10.0, 3))
    for distances in (solver.from_vertex(count + 5), exact_from_vertex(both, count + 5)):
        assert np.isnan(distances[:count]).all()
        assert np.isnan(distances[-1])
    assert np.allclose(solver.from_vertex(count + 5)[count:-1], alone.from_vertex(5))
    middle, last = np.full(3, 1 / 3), len(both.faces) - 1
    with pytest.raises(InputError, match=f"no path leads from face 0 to face {last}"):
        solver.distances(0, middle, np.array([1, last]), np.tile(middle, (2, 1)))
    with pytest.raises(InputError, match="must belong to a face"):
        solver.from_vertex(2 * count)


@pytest.mark.real
@pytest.mark.slow
def test_calibrated_distances_on_bigbrain_are_within_half_a_percent(real_data: Path, rng):
    """Sources that calibration did not see; bench/geometry.py takes twenty a hemisphere."""
    folder = real_data / "bigbrain"
    cortex = mid_surface(folder / "hemi-L_pial.surf.gii", folder / "hemi-L_white.surf.gii")
    calibration = calibrate(cortex, rng)
    assert calibration.mean_relative_error < 0.005
    assert calibration.p99_relative_error < 0.015
    assert calibration.near_error_mm < 0.03
    weights = np.array([0.2, 0.3, 0.5])
    exact = exact_from_point(cortex, 4321, weights)
    found = GeodesicSolver(cortex, calibration).from_point(4321, weights)
    far = exact > 5
    assert np.abs(found / exact - 1)[far].mean() < 0.01
    assert np.percentile(np.abs(found / exact - 1)[far], 99) < 0.045
    assert np.abs(found - exact)[~far].mean() < 0.1


def test_a_front_that_stops_gives_the_same_distances_before_its_limit(sphere, rng):
    mesh = sphere(10.0, 4)
    solver, weights = GeodesicSolver(mesh), np.full(3, 1 / 3)
    face = rng.integers(0, len(mesh.faces), 200)
    whole = solver.distances(7, weights, face, np.tile(weights, (200, 1)))
    stopped = solver.distances(7, weights, face, np.tile(weights, (200, 1)), limit_mm=8.0)
    near = whole <= 8.0 - 1.0  # less than a face's longest side
    assert near.sum() > 10
    assert np.array_equal(stopped[near], whole[near])
    assert not (stopped[whole > 9.0] <= 8.0).any()


def test_near_distances_are_those_of_one_source_after_the_other(sphere, rng):
    """On a ball and another one far from it: within the limit the same numbers, beyond it none that lies within."""
    both, _ = two_balls(sphere)
    solver = GeodesicSolver(both, Calibration(excess=0.01, reach_mm=5.0))
    face = np.sort(rng.integers(0, len(both.faces), 40).astype(np.int32)).repeat(5)
    weights = rng.dirichlet(np.ones(3), 40).repeat(5, axis=0)
    to_face, to_weights = rng.integers(0, len(both.faces), 200).astype(np.int32), rng.dirichlet(np.ones(3), 200)
    to_face[::5] = np.minimum(face[::5] + rng.integers(0, 3, 40), len(both.faces) - 1)  # the same face, and neighbours
    found = solver.near_distances(face, weights, to_face, to_weights, limit_mm=6.0)
    apart = both.vertices_mm[both.faces[face, 0], 0] - both.vertices_mm[both.faces[to_face, 0], 0]
    for i in range(200):
        if abs(apart[i]) > 25:
            assert np.isnan(found[i])
            continue
        (one,) = solver.distances(int(face[i]), weights[i], to_face[i : i + 1], to_weights[i : i + 1])
        if one <= 6.0:
            assert found[i] == pytest.approx(one, abs=1e-9)
        else:
            assert np.isnan(found[i]) or found[i] > 6.0
    assert (found <= 6.0).sum() > 40


def test_near_distances_of_no_pairs_are_none(sphere):
    none = np.zeros(0, np.int32), np.zeros((0, 3))
    assert not len(GeodesicSolver(sphere(10.0, 1)).near_distances(*none, *none, limit_mm=1.0))
