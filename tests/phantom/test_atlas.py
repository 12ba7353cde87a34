"""The atlas an individual gets: of others, and in the wrong place by as much as was asked for."""

import numpy as np
import pytest

from gennari.phantom.atlas import displaced, population_atlas
from gennari.phantom.layers import LABEL_SET


@pytest.fixture(scope="module")
def settings(plain_settings):
    return plain_settings.model_copy(update={"atlas_individuals": 4})


@pytest.fixture(scope="module")
def atlas(geometry, settings):
    return population_atlas(geometry, settings, np.random.SeedSequence(3))


def test_it_is_a_mean_of_votes(atlas, geometry, settings):
    for side, hemisphere in zip(atlas, geometry.hemispheres, strict=True):
        assert side.shape == (len(hemisphere.pial.vertices_mm), 13)
        votes = side * settings.atlas_individuals
        np.testing.assert_allclose(votes, votes.round(), atol=1e-5)
        assert side.sum(axis=1).max() <= 1 + 1e-6
        assert (side.max(axis=0) == 1).sum() >= 10
        assert ((side > 0) & (side < 1)).any()


def test_the_individual_is_not_among_those_it_is_made_from(atlas, plain):
    labels = plain.tissue[0].labels()
    rows = np.flatnonzero(labels >= LABEL_SET.first_area)
    # a brain that had voted would find its own vote everywhere
    assert (atlas[0][rows, labels[rows] - LABEL_SET.first_area] > 0).mean() < 0.99


def test_it_still_knows_about_where_areas_are(atlas, plain):
    labels = plain.tissue[0].labels()
    rows = np.flatnonzero(labels >= LABEL_SET.first_area)
    assert (atlas[0][rows].argmax(axis=1) == labels[rows] - LABEL_SET.first_area).mean() > 0.6


@pytest.mark.parametrize("rms_mm", [2.0, 3.0, 4.0])
def test_it_is_displaced_by_the_rms_asked_for(geometry, rms_mm):
    hemisphere = geometry.hemispheres[0]
    points = hemisphere.mirrored_inflated_mm.astype(np.float32)
    squares = []
    for seed in range(6):  # a field of 20 mm range has few independent places on one hemisphere
        moved = displaced(points, hemisphere, rms_mm, np.random.default_rng(seed))
        squares.append(((moved - points) ** 2).sum(axis=1).mean())
    assert np.sqrt(np.mean(squares)) == pytest.approx(rms_mm, rel=0.3)


def test_no_displacement_leaves_it_alone(geometry, atlas, rng):
    np.testing.assert_array_equal(displaced(atlas[0], geometry.hemispheres[0], 0.0, rng), atlas[0])


def test_neighbours_are_displaced_together(geometry, rng):
    hemisphere = geometry.hemispheres[0]
    points = hemisphere.mirrored_inflated_mm.astype(np.float32)
    shift = displaced(points, hemisphere, 3.0, rng) - points
    a, b = hemisphere.pial.faces[:, 0], hemisphere.pial.faces[:, 1]
    together = np.corrcoef(shift[a, 1], shift[b, 1])[0, 1]
    assert together > 0.5
