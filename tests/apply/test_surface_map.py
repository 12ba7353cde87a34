import numpy as np
import pytest

from gennari.apply.surface_map import filled, one_hot, surface_maps
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
