import numpy as np
import pytest

from gennari.apply.surface_map import filled, one_hot, surface_maps, vertex_majority, vertex_means
from gennari.records import IGNORE, Hemisphere, Ribbon, TriangleMesh

CLASSES = 3


def strip(side, n=7):
    """A flat strip of 2 x n vertices, 1 mm apart; vertex 0 and 1 are medial wall."""
    vertices = np.array([(x, y, 0.0) for x in range(n) for y in range(2)])
    faces = [f for x in range(n - 1) for f in ((2 * x, 2 * x + 1, 2 * x + 2), (2 * x + 1, 2 * x + 3, 2 * x + 2))]
    mesh = TriangleMesh(vertices_mm=vertices, faces=np.array(faces, np.int32))
    wall = np.arange(2 * n) < 2
    return Hemisphere(side=side, pial=mesh, white=mesh, inflated=mesh, medial_wall=wall)


@pytest.fixture
def hemispheres():
    return strip("L"), strip("R")


def random_ribbon(rng, shape=(6, 8), spacing_um=50.0):
    cortex = rng.random(shape) < 0.7
    return Ribbon(
        section=4,
        spacing_um=spacing_um,
        depth=np.where(cortex, rng.random(shape), np.nan).astype(np.float32),
        face=np.where(cortex, rng.integers(0, 12, shape), -1).astype(np.int32),
        weights=np.where(cortex[..., None], rng.dirichlet([1, 1, 1], shape), 0).astype(np.float32),
        side=np.where(cortex, rng.integers(0, 2, shape), -1).astype(np.int8),
    )


def test_votes_equal_the_pixel_loop(rng, hemispheres):
    sections = [(random_ribbon(rng), rng.dirichlet(np.ones(CLASSES), (3, 4)).transpose(2, 0, 1), 100.0)]
    sections += [(random_ribbon(rng), rng.dirichlet(np.ones(CLASSES), (12, 16)).transpose(2, 0, 1), 25.0)]
    votes = np.zeros((2, 14, CLASSES))
    for ribbon, probabilities, spacing in sections:
        for i in range(6):
            for j in range(8):
                if 0.2 <= ribbon.depth[i, j] <= 0.9:
                    p = probabilities[:, int((i + 0.5) * 50 // spacing), int((j + 0.5) * 50 // spacing)]
                    for k in range(3):
                        v = hemispheres[0].pial.faces[ribbon.face[i, j], k]
                        votes[ribbon.side[i, j], v] += ribbon.weights[i, j, k] * p
    votes[:, :2] = 0
    maps = surface_maps(iter(sections), hemispheres, CLASSES, depth=(0.2, 0.9))
    for got, expected in zip(maps, votes, strict=True):
        total = expected.sum(axis=1)
        assert np.allclose(got.coverage, total, atol=1e-5)
        assert np.allclose(got.probabilities[total > 0], expected[total > 0] / total[total > 0, None], atol=1e-5)
        assert (got.labels[total > 0] == expected.argmax(axis=1)[total > 0]).all()
        assert (got.labels[:2] == IGNORE).all()


def test_one_label_everywhere_comes_back_as_that_label(rng, hemispheres):
    labels = np.full((6, 8), 2, np.uint8)
    got, _ = surface_maps([(random_ribbon(rng), one_hot(labels, CLASSES), 50.0)], hemispheres, CLASSES)
    assert set(got.labels[got.coverage > 0]) == {2}


def test_pixels_without_a_prediction_do_not_vote(rng, hemispheres):
    blank = one_hot(np.full((6, 8), IGNORE, np.uint8), CLASSES)
    for got in surface_maps([(random_ribbon(rng), blank, 50.0)], hemispheres, CLASSES):
        assert (got.labels == IGNORE).all()
        assert not got.coverage.any()
        assert filled(got, hemispheres[0], 9.0) is got


def test_filling_reaches_as_far_as_it_may_and_leaves_the_wall(hemispheres):
    one = Ribbon(
        section=4,
        spacing_um=50.0,
        depth=np.full((1, 1), 0.5, np.float32),
        face=np.full((1, 1), 6, np.int32),
        weights=np.array([[[1, 0, 0]]], np.float32),
        side=np.zeros((1, 1), np.int8),
    )
    got, _ = surface_maps([(one, one_hot(np.full((1, 1), 1), CLASSES), 50.0)], hemispheres, CLASSES)
    seen = int(hemispheres[0].pial.faces[6, 0])
    x = hemispheres[0].pial.vertices_mm[:, 0]
    full = filled(got, hemispheres[0], 2.1)
    near = np.abs(x - x[seen]) + np.abs(hemispheres[0].pial.vertices_mm[:, 1]) <= 2
    assert (full.labels[near & ~hemispheres[0].medial_wall] == 1).all()
    assert (full.labels[np.abs(x - x[seen]) > 2.1] == IGNORE).all()
    assert (full.probabilities[full.labels == 1] == [0, 1, 0]).all()
    assert np.flatnonzero(full.coverage).tolist() == [seen]
    everywhere = filled(got, hemispheres[0], 99.0)
    assert (everywhere.labels[2:] == 1).all()
    assert (everywhere.labels[:2] == IGNORE).all()


def test_maps_of_other_classes_or_extent_are_refused(rng, hemispheres):
    with pytest.raises(ValueError, match="every map must have 3 classes, that of section 4 has 2"):
        surface_maps([(random_ribbon(rng), np.ones((2, 6, 8)), 50.0)], hemispheres, CLASSES)
    with pytest.raises(ValueError, match="a map must cover its section"):
        surface_maps([(random_ribbon(rng), np.ones((3, 6, 8)), 25.0)], hemispheres, CLASSES)


def places_on(rng, n=40):
    return rng.integers(0, 12, n), rng.dirichlet([1, 1, 1], n)


def test_means_at_vertices_equal_the_loop_over_places(rng):
    hemisphere, (face, weights) = strip("L"), places_on(rng)
    values = rng.normal(size=40)
    values[::7] = np.nan
    total, weight = np.zeros(14), np.zeros(14)
    for value, f, corners in zip(values, face, weights, strict=True):
        for k in range(3):
            if not np.isnan(value):
                total[hemisphere.pial.faces[f, k]] += corners[k] * value
                weight[hemisphere.pial.faces[f, k]] += corners[k]
    expected = np.where(np.arange(14) < 2, np.nan, total / weight)
    assert np.allclose(vertex_means(values, face, weights, hemisphere), expected, equal_nan=True)


def test_the_majority_at_vertices_equals_the_count_over_places_and_places_without_label_do_not_vote(rng):
    hemisphere, (face, weights) = strip("L"), places_on(rng)
    labels = rng.integers(-1, 3, 40)
    votes = np.zeros((14, 3))
    for label, f, corners in zip(labels, face, weights, strict=True):
        for k in range(3):
            if label >= 0:
                votes[hemisphere.pial.faces[f, k], label] += corners[k]
    expected = np.where(np.arange(14) < 2, -1, votes.argmax(axis=1))
    assert np.array_equal(vertex_majority(labels, face, weights, hemisphere), expected)


def test_vertices_without_a_place_take_the_nearest_value_within_reach_only():
    hemisphere = strip("L")
    face, weights = np.array([2]), np.array([[0.0, 1.0, 0.0]])  # on vertex 3, at x = 1
    (vertex,) = {int(hemisphere.pial.faces[2, 1])}
    means = vertex_means(np.array([5.0]), face, weights, hemisphere, reach_mm=2.0)
    x = hemisphere.mid.vertices_mm[:, 0]
    away = np.abs(x - x[vertex])
    assert vertex == 3
    assert (means[(away <= 1) & (x > 0)] == 5.0).all()
    assert np.isnan(means[away > 2]).all()
    assert np.isnan(means[:2]).all()
    labels = vertex_majority(np.array([1]), face, weights, hemisphere, reach_mm=2.0)
    assert np.array_equal(labels, np.where(np.isnan(means), -1, 1))


def test_without_any_known_place_all_vertices_are_unknown():
    hemisphere, face, weights = strip("L"), np.array([3]), np.array([[1.0, 0, 0]])
    assert np.isnan(vertex_means(np.array([np.nan]), face, weights, hemisphere, reach_mm=9.0)).all()
    assert (vertex_majority(np.array([-1]), face, weights, hemisphere, reach_mm=9.0) == -1).all()
