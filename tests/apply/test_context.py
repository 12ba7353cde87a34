"""Surface context: kernels against loops over pixels, and what it must not change."""

import numpy as np
import pytest
from pydantic import ValidationError

from gennari.apply.context import (
    LEAST,
    NearRibbon,
    certainty,
    conditional,
    near_ribbon,
    surface_opinions,
    with_second_opinion,
)
from gennari.apply.context_settings import ContextSettings
from gennari.frames import coronal
from gennari.records import Hemisphere, Ribbon, Section, TriangleMesh

FIRST, CLASSES = 2, 5
"""Glass and white matter stand before the three classes of cortex."""
STILL = ContextSettings(length_mm=0.0, weight=0.3, reach_mm=0.1)


def strip(side, lean_deg: float = 0.0, n: int = 7) -> Hemisphere:
    """A strip of 2 x n vertices along x, 1 mm apart, leaning by an angle about x; vertices 0 and 1 are medial wall."""
    lean = np.deg2rad(lean_deg)
    vertices = np.array([(x, y * np.cos(lean), y * np.sin(lean)) for x in range(n) for y in range(2)])
    faces = [f for x in range(n - 1) for f in ((2 * x, 2 * x + 2, 2 * x + 1), (2 * x + 1, 2 * x + 2, 2 * x + 3))]
    mesh = TriangleMesh(vertices_mm=vertices, faces=np.array(faces, np.int32))
    return Hemisphere(side=side, pial=mesh, white=mesh, inflated=mesh, medial_wall=np.arange(2 * n) < 2)


@pytest.fixture
def hemispheres():
    return strip("L"), strip("R")


@pytest.fixture
def section():
    return Section(brain="A", id=4, spacing_um=50.0, shape_px=(9, 11), to_brain=coronal(0.0, 0.0, 0.0))


def ribbon_of(cortex, rng) -> Ribbon:
    shape = cortex.shape
    return Ribbon(
        section=4,
        spacing_um=50.0,
        depth=np.where(cortex, 0.5, np.nan).astype(np.float32),
        face=np.where(cortex, rng.integers(2, 12, shape), -1).astype(np.int32),
        weights=np.where(cortex[..., None], rng.dirichlet([1, 1, 1], shape), 0).astype(np.float32),
        side=np.where(cortex, rng.integers(0, 2, shape), -1).astype(np.int8),
    )


def places_of(n: int, rng) -> NearRibbon:
    return NearRibbon(
        rows=np.arange(n), cols=np.arange(n), side=rng.integers(0, 2, n).astype(np.int8),
        face=rng.integers(2, 12, n).astype(np.int32), weights=rng.dirichlet([1, 1, 1], n).astype(np.float32),
        on=rng.random(n) < 0.8, cut=rng.random(n),
    )  # fmt: skip


def given_at(n: int, rng) -> np.ndarray:
    return rng.dirichlet(np.ones(CLASSES), n)


def test_pixels_beside_the_ribbon_belong_to_its_nearest_pixel(rng, section, hemispheres):
    cortex = np.zeros((9, 11), bool)
    cortex[2, 3] = cortex[6, 8] = True
    ribbon = ribbon_of(cortex, rng)
    found = near_ribbon(ribbon, section, hemispheres, 0.12)
    expected = {}
    for r in range(9):
        for c in range(11):
            distance, near = min((0.05 * np.hypot(r - a, c - b), (a, b)) for a, b in ((2, 3), (6, 8)))
            if distance <= 0.12:
                expected[r, c] = near
    assert list(zip(found.rows.tolist(), found.cols.tolist(), strict=True)) == sorted(expected)
    for k, (r, c) in enumerate(sorted(expected)):
        near = expected[r, c]
        assert found.face[k] == ribbon.face[near]
        assert found.side[k] == ribbon.side[near]
        np.testing.assert_array_equal(found.weights[k], ribbon.weights[near])
        assert found.on[k] == cortex[r, c]


def test_a_section_without_cortex_has_no_such_pixels(rng, section, hemispheres):
    found = near_ribbon(ribbon_of(np.zeros((9, 11), bool), rng), section, hemispheres, 1.0)
    assert len(found.rows) == len(found.cut) == 0


@pytest.mark.parametrize("lean_deg", [0.0, 30.0, 90.0])
def test_cortex_that_leans_towards_the_section_is_cut_less_squarely(rng, section, lean_deg):
    # the strip's normal leans by the angle from z towards the section's normal, which is y
    ribbon = ribbon_of(np.ones((9, 11), bool), rng)
    found = near_ribbon(ribbon, section, (strip("L", lean_deg), strip("R", lean_deg)), 0.0)
    np.testing.assert_allclose(found.cut, np.cos(np.deg2rad(lean_deg)) ** 2, atol=1e-6)


def test_votes_are_those_of_a_loop_over_pixels(rng, hemispheres):
    sections = [(places_of(n, rng), given_at(n, rng)) for n in (30, 20)]
    votes = np.zeros((2, 14, CLASSES - FIRST))
    for places, given in sections:
        for k in range(len(given)):
            cortex = given[k, FIRST:].sum()
            shares = given[k, FIRST:] / cortex
            sure = 1 + sum(p * np.log(p) for p in shares) / np.log(3)
            weight = places.on[k] * places.cut[k] * sure * cortex
            for corner, vertex in enumerate(hemispheres[places.side[k]].pial.faces[places.face[k]]):
                votes[places.side[k], vertex] += places.weights[k, corner] * weight * shares
    found = surface_opinions(sections, hemispheres, STILL, FIRST)
    for side in range(2):
        for vertex in range(14):
            total = votes[side, vertex].sum()
            expected = votes[side, vertex] / total if total and vertex >= 2 else np.zeros(3)
            np.testing.assert_allclose(found[side][vertex], expected, atol=1e-6)


def test_votes_spread_along_the_surface_as_shares(rng, hemispheres):
    places, given = places_of(1, rng), given_at(1, rng)
    places.on[:] = True
    near = surface_opinions([(places, given)], hemispheres, STILL, FIRST)[places.side[0]]
    far = surface_opinions([(places, given)], hemispheres, ContextSettings(length_mm=2.0), FIRST)[places.side[0]]
    assert (near.sum(axis=1) > 0).sum() <= 3
    assert (far[2:].sum(axis=1) > 0).sum() > 3
    assert not far[:2].any()  # the medial wall says nothing
    for vertex in np.flatnonzero(far.sum(axis=1)):
        np.testing.assert_allclose(far[vertex], conditional(given, FIRST)[0][0], atol=1e-6)


def test_no_section_is_refused(hemispheres):
    with pytest.raises(ValueError, match="at least one section"):
        surface_opinions([], hemispheres, STILL, FIRST)


def _opinions(rng):
    left, right = (rng.dirichlet(np.ones(3), 14).astype(np.float32) for _ in range(2))
    return left, right


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_a_second_opinion_is_the_weighted_product_pixel_by_pixel(rng, hemispheres, weight):
    places, given, opinions = places_of(25, rng), given_at(25, rng), _opinions(rng)
    found = with_second_opinion(places, given, opinions, hemispheres, ContextSettings(weight=weight), FIRST)
    for k in range(25):
        corners = hemispheres[places.side[k]].pial.faces[places.face[k]]
        second = places.weights[k] @ opinions[places.side[k]][corners]
        second = second / second.sum()
        cortex = given[k, FIRST:].sum()
        product = (given[k, FIRST:] / cortex) ** (1 - weight) * second**weight
        np.testing.assert_allclose(found[k, FIRST:], cortex * product / product.sum(), atol=1e-6)
    np.testing.assert_array_equal(found[:, :FIRST], given[:, :FIRST])
    np.testing.assert_allclose(found.sum(axis=1), 1)


def test_where_the_surface_is_silent_nothing_changes(rng, hemispheres):
    places, given = places_of(25, rng), given_at(25, rng)
    silent = (np.zeros((14, 3), np.float32), np.zeros((14, 3), np.float32))
    found = with_second_opinion(places, given, silent, hemispheres, ContextSettings(weight=1.0), FIRST)
    np.testing.assert_array_equal(found, given)


def test_a_class_that_one_side_rules_out_may_still_win(rng, hemispheres):
    places = places_of(1, rng)
    given = np.array([[0.0, 0.0, 1.0, 0.0, 0.0]])
    opinions = (np.tile(np.float32([0, 1, 0]), (14, 1)),) * 2
    settings = ContextSettings(weight=0.8)
    found = with_second_opinion(places, given, opinions, hemispheres, settings, FIRST)[0]
    expected = np.array([LEAST**0.8, LEAST**0.2, LEAST])
    np.testing.assert_allclose(found[FIRST:], expected / expected.sum(), rtol=1e-6)


def test_certainty_is_one_for_one_class_and_zero_for_equal_shares():
    shares = np.array([[1.0, 0, 0, 0], [0.25, 0.25, 0.25, 0.25], [0.5, 0.5, 0, 0]])
    np.testing.assert_allclose(certainty(shares), [1, 0, 0.5], atol=1e-12)
    np.testing.assert_array_equal(certainty(np.ones((3, 1))), 1)


def test_conditional_shares_sum_to_one_and_are_even_where_there_is_nothing_to_share():
    shares, total = conditional(np.array([[0.5, 0.1, 0.4], [1.0, 0.0, 0.0]]), 1)
    np.testing.assert_allclose(shares, [[0.2, 0.8], [0.5, 0.5]])
    np.testing.assert_allclose(total, [0.5, 0])


@pytest.mark.parametrize("wrong", [{"weight": 1.1}, {"length_mm": -1.0}, {"reach_mm": -0.1}, {"wieght": 0.1}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(ValidationError):
        ContextSettings(**wrong)
