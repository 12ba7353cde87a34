import numpy as np
import pytest

from gennari.records import TriangleMesh
from gennari.surface.curvature import mean_curvature_per_mm


@pytest.mark.parametrize("radius_mm", [1.0, 8.0])
def test_a_sphere_bends_by_one_over_its_radius(sphere, radius_mm):
    curvature = mean_curvature_per_mm(sphere(radius_mm, 4))
    assert np.allclose(curvature, 1 / radius_mm, rtol=0.03)
    assert curvature.mean() == pytest.approx(1 / radius_mm, rel=3e-3)


def test_a_sphere_turned_inside_out_bends_the_other_way(sphere):
    ball = sphere(5.0, 3)
    turned = TriangleMesh(vertices_mm=ball.vertices_mm, faces=np.ascontiguousarray(ball.faces[:, ::-1]))
    assert np.allclose(mean_curvature_per_mm(turned), -mean_curvature_per_mm(ball))


def test_an_ellipsoid_bends_as_its_closed_form_says(sphere):
    axes = np.array([3.0, 2.0, 2.5])
    ball = sphere(1.0, 5)
    points = ball.vertices_mm * axes
    a, b, c = axes
    support = (points**2 / axes**4).sum(axis=1)
    squared = (points**2).sum(axis=1)
    expected = (a**2 + b**2 + c**2 - squared) / (2 * (a * b * c) ** 2 * support**1.5)
    found = mean_curvature_per_mm(TriangleMesh(vertices_mm=points, faces=ball.faces))
    assert np.abs(found / expected - 1).mean() < 0.01


def test_crowns_are_positive_fundi_negative_and_flat_or_empty_places_zero():
    rows, cols = np.mgrid[:30, :30]
    corner = (rows * 30 + cols)[:-1, :-1].ravel()
    faces = np.concatenate(
        [np.column_stack([corner, corner + 30, corner + 1]), np.column_stack([corner + 1, corner + 30, corner + 31])]
    ).astype(np.int32)
    height = 2 * np.sin(rows * 2 * np.pi / 20).ravel()
    points = np.column_stack([rows.ravel(), cols.ravel(), height]).astype(float)
    wave = mean_curvature_per_mm(TriangleMesh(vertices_mm=points, faces=faces)).reshape(30, 30)
    assert (wave[5, 5:25] > 0.05).all()
    assert (wave[15, 5:25] < -0.05).all()
    assert np.allclose(wave[10, 5:25], 0, atol=0.01)
    nothing = TriangleMesh(vertices_mm=np.zeros((4, 3)), faces=np.array([[0, 1, 2]], np.int32))
    assert np.array_equal(mean_curvature_per_mm(nothing), np.zeros(4))
