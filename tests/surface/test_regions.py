"""Distances between regions: closed forms on a sphere, and the nearest of all couples of vertices."""

import numpy as np
import pytest

from gennari.records import TriangleMesh
from gennari.surface.geodesic import GeodesicSolver
from gennari.surface.regions import region_distances_mm


def caps(mesh, edges_deg: tuple[float, float]) -> np.ndarray:
    """Region 0 within the first angle of the north pole, 1 within the second of the south pole."""
    up = mesh.vertices_mm[:, 2] / np.linalg.norm(mesh.vertices_mm, axis=1)
    angle = np.degrees(np.arccos(up))
    return np.where(angle <= edges_deg[0], 0, np.where(angle >= 180 - edges_deg[1], 1, -1))


def test_caps_of_a_sphere_lie_a_meridian_apart(sphere):
    mesh = sphere(30.0, 4)
    distance = region_distances_mm(GeodesicSolver(mesh), caps(mesh, (40.0, 60.0)), 2)
    # the caps end at vertices up to one edge short of their edge
    assert distance[0, 1] == pytest.approx(30 * np.radians(80), abs=2.5)
    assert distance[0, 1] == distance[1, 0]
    assert distance.diagonal().tolist() == [0.0, 0.0]


def test_it_is_the_nearest_of_all_couples_of_vertices_or_a_little_less(sphere):
    mesh = sphere(10.0, 3)
    solver, region = GeodesicSolver(mesh), caps(mesh, (50.0, 50.0))
    couples = min(solver.front_from_vertex(int(v))[region == 1].min() for v in np.flatnonzero(region == 0))
    assert 0.97 * couples < region_distances_mm(solver, region, 2)[0, 1] <= couples


def test_regions_that_an_edge_joins_touch(sphere):
    mesh = sphere(10.0, 2)
    region = (mesh.vertices_mm[:, 2] > 0).astype(int)
    assert region_distances_mm(GeodesicSolver(mesh), region, 2).tolist() == [[0.0, 0.0], [0.0, 0.0]]


def test_a_region_without_vertices_is_nowhere(sphere):
    mesh = sphere(10.0, 1)
    distance = region_distances_mm(GeodesicSolver(mesh), np.zeros(len(mesh.vertices_mm), int), 2)
    np.testing.assert_array_equal(distance, [[0.0, np.nan], [np.nan, np.nan]])


def test_beside_an_edge_of_the_set_distances_run_to_the_edge():
    corners = np.array([[0, 0, 0], [2.0, 0, 0], [1.0, 1.5, 0]])
    mesh = TriangleMesh(vertices_mm=corners, faces=np.array([[0, 1, 2]], np.int32))
    assert GeodesicSolver(mesh).from_vertices(np.array([0, 1]))[2] == pytest.approx(1.5)


def test_distances_from_several_vertices_are_those_from_the_nearest(sphere):
    mesh = sphere(10.0, 3)
    solver = GeodesicSolver(mesh)
    both = np.fmin(solver.front_from_vertex(0), solver.front_from_vertex(200))
    np.testing.assert_allclose(solver.from_vertices(np.array([0, 200])), both, rtol=0.025, atol=1e-9)
