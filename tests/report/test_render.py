import numpy as np
import pytest

from gennari.records import TriangleMesh
from gennari.report.render import View, render

FRONT = View(towards=(0, -1, 0))


def test_a_view_from_behind_has_right_to_the_right_and_up_above():
    assert np.allclose(FRONT.axes, [[1, 0, 0], [0, 0, 1], [0, -1, 0]])


def test_a_views_axes_are_orthonormal_and_right_handed():
    axes = View(towards=(0.3, -2, 0.7)).axes
    assert np.allclose(axes @ axes.T, np.eye(3))
    assert np.isclose(np.linalg.det(axes), 1)


def test_up_that_points_to_the_camera_is_refused():
    with pytest.raises(ValueError, match="up must not point to the camera"):
        _ = View(towards=(0, 0, 1)).axes


def test_a_sphere_covers_the_area_of_its_disc_and_bulges_to_the_camera(ball: TriangleMesh):
    picture = render(ball, np.ones((len(ball.vertices_mm), 3)), FRONT, spacing_mm=0.1)
    assert picture.rgba[..., 3].sum() * 0.1**2 == pytest.approx(np.pi * 10**2, rel=0.02)
    rows, cols = np.indices(picture.height_mm.shape)
    right = picture.origin_mm[0] + (cols + 0.5) * 0.1
    up = picture.origin_mm[1] - (rows + 0.5) * 0.1
    inside = np.hypot(right, up) < 8
    expected = np.sqrt(100 - right[inside] ** 2 - up[inside] ** 2)
    assert np.abs(picture.height_mm[inside] - expected).max() < 0.25  # chords of the mesh and the slope in a pixel
    assert np.isneginf(picture.height_mm[np.hypot(right, up) > 10.2]).all()


def test_the_side_towards_the_light_is_brighter(ball: TriangleMesh):
    picture = render(ball, np.full((len(ball.vertices_mm), 3), 0.8), FRONT, spacing_mm=0.2)
    height, width = picture.rgba.shape[:2]
    assert picture.rgba[height // 4, width // 3, 0] > picture.rgba[3 * height // 4, 2 * width // 3, 0]


def test_colours_are_those_of_the_nearest_surface(ball: TriangleMesh):
    near = ball.vertices_mm[:, 1] < 0
    colours = np.where(near[:, None], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0])
    picture = render(ball, colours, FRONT)
    middle = picture.rgba[tuple(size // 2 for size in picture.rgba.shape[:2])]
    assert middle[0] > 0.5
    assert middle[2] == 0


def test_the_order_of_faces_does_not_matter(ball: TriangleMesh):
    colours = np.abs(ball.vertices_mm) / 10
    backwards = TriangleMesh(vertices_mm=ball.vertices_mm, faces=ball.faces[::-1].copy())
    assert np.allclose(render(ball, colours, FRONT).rgba, render(backwards, colours, FRONT).rgba)


def test_points_are_placed_where_the_surface_is_drawn_and_hidden_behind_it(ball: TriangleMesh):
    picture = render(ball, np.ones((len(ball.vertices_mm), 3)), FRONT, spacing_mm=0.5, margin_mm=2.0)
    points = np.array([[0.0, -10, 0], [0, 10, 0], [5, -8.66, 0], [0, -8.66, 5], [50, 0, 0]])
    place = picture.place_px(points)
    assert np.allclose(place[0], [24, 24])
    assert np.allclose(place[2] - place[0], [0, 10])
    assert np.allclose(place[3] - place[0], [-10, 0])
    assert picture.is_seen(points).tolist() == [True, False, True, True, False]


def test_a_face_seen_edge_on_draws_nothing():
    flat = TriangleMesh(
        vertices_mm=np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 1]]), faces=np.array([[0, 1, 2]], np.int32)
    )
    assert render(flat, np.ones((3, 3)), FRONT).rgba[..., 3].max() == 0
