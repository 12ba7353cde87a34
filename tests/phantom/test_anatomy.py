"""Where areas lie: the human topology on fsaverage, and draws from a probability map that keep its probabilities."""

import numpy as np
import pytest

from gennari.phantom.anatomy import CALCARINE_MM, Layout, draw_scores, layout_from_landmarks, layout_from_probabilities
from gennari.phantom.geometry import folder_geometry
from gennari.phantom.layers import AREAS, COLUMN_LABEL, COLUMNS, LABEL_SET
from gennari.records import Hemisphere, TriangleMesh
from gennari.surface.mesh import edges, largest_piece


def _names(evidence: np.ndarray) -> np.ndarray:
    return np.array(LABEL_SET.names)[COLUMN_LABEL[evidence.argmax(axis=1)]]


def _neighbours(names: np.ndarray, mesh: TriangleMesh, area: str) -> set[str]:
    pairs = names[edges(mesh)]
    return {str(name) for pair in pairs[(pairs == area).any(axis=1)] for name in pair if name != area}


@pytest.fixture(scope="module", params=[0, 1], ids=["left", "right"])
def side(request, geometry):
    hemisphere = geometry.hemispheres[request.param]
    return hemisphere, _names(geometry.layouts[request.param].evidence)


def test_all_thirteen_areas_and_other_cortex_occur(side):
    assert set(side[1]) == {*AREAS, "other cortex"}


TOUCHING = {
    "hOc1": {"hOc2"},
    "hOc2": {"hOc1", "hOc3d", "hOc3v"},
    "hOc3d": {"hOc2", "hOc4d"},
    "hOc3v": {"hOc2", "hOc4v"},
    "hOc4d": {"hOc3d", "hOc4lp"},
    "hOc4v": {"hOc3v", "hOc4lp", "FG1", "FG3"},
    "hOc4la": {"hOc4lp", "hOc5"},
    "hOc4lp": {"hOc4la", "hOc4d", "hOc4v"},
    "hOc5": {"hOc4la"},
    "FG1": {"hOc4v", "FG2", "FG3"},
    "FG2": {"FG1", "FG4"},
    "FG3": {"FG1", "FG4", "hOc4v"},
    "FG4": {"FG2", "FG3"},
}
"""Neighbours that must be there, among areas."""
APART = {
    "hOc1": set(AREAS) - {"hOc1", "hOc2"},
    "hOc2": set(AREAS) - {"hOc1", "hOc2", "hOc3d", "hOc3v"},
    "hOc3d": {"hOc4la", "hOc5", "FG1", "FG2", "FG3", "FG4"},
    "hOc4d": {"hOc4la", "hOc5", "FG1", "FG2", "FG3", "FG4"},
    "hOc5": {"hOc3d", "hOc3v", "hOc4d", "hOc4v", "FG1", "FG3", "FG4"},
    "FG3": {"hOc4la", "hOc4lp", "hOc5"},
}


@pytest.mark.parametrize("area", AREAS)
def test_areas_touch_their_published_neighbours(side, area):
    hemisphere, names = side
    found = _neighbours(names, hemisphere.mid, area)
    assert TOUCHING[area] <= found
    assert not found & APART.get(area, set())


def test_hoc1_lies_around_the_calcarine_and_the_fusiform_areas_below_all_others(side):
    hemisphere, names = side
    mid = hemisphere.mid.vertices_mm
    mirror = [1.0 if hemisphere.side == "L" else -1.0, 1.0, 1.0]
    for point in CALCARINE_MM:
        assert names[np.linalg.norm(mid - np.array(point) * mirror, axis=1).argmin()] == "hOc1"
    fusiform = max(mid[names == area, 2].mean() for area in ("FG1", "FG2", "FG3", "FG4"))
    for area in ("hOc1", "hOc3d", "hOc4d", "hOc4la", "hOc4lp", "hOc5"):
        assert mid[names == area, 2].mean() > fusiform, area


@pytest.mark.parametrize("ring", ["hOc3", "hOc4"])
def test_dorsal_areas_lie_above_ventral_ones(side, ring):
    hemisphere, names = side
    z = hemisphere.mid.vertices_mm[:, 2]
    assert z[names == f"{ring}d"].min() > z[names == f"{ring}v"].max() - 25
    assert z[names == f"{ring}d"].mean() > z[names == f"{ring}v"].mean() + 15


def test_hoc5_and_the_lateral_areas_lie_laterally_of_hoc1(side):
    hemisphere, names = side
    lateral = np.abs(hemisphere.mid.vertices_mm[:, 0])
    for area in ("hOc5", "hOc4la", "hOc4lp", "FG2", "FG4"):
        assert lateral[names == area].mean() > lateral[names == "hOc1"].mean() + 10, area


def test_left_and_right_are_alike(geometry):
    shares = []
    for hemisphere, layout in zip(geometry.hemispheres, geometry.layouts, strict=True):
        names = _names(layout.evidence)
        shares.append([np.mean(names == area) for area in AREAS])
        assert len(hemisphere.mid.vertices_mm) == len(names)
    np.testing.assert_allclose(shares[0], shares[1], rtol=0.4)


def test_landmarks_are_found_on_the_mirrored_side(geometry):
    left = geometry.hemispheres[0]
    mirrored = TriangleMesh(vertices_mm=left.pial.vertices_mm * [-1, 1, 1], faces=left.pial.faces)
    white = TriangleMesh(vertices_mm=left.white.vertices_mm * [-1, 1, 1], faces=left.pial.faces)
    as_right = Hemisphere(side="R", pial=mirrored, white=white, inflated=left.inflated, medial_wall=left.medial_wall)
    np.testing.assert_array_equal(layout_from_landmarks(as_right).evidence, geometry.layouts[0].evidence)


def test_without_border_noise_an_individual_has_the_layout(geometry, rng):
    layout, hemisphere = geometry.layouts[0], geometry.hemispheres[0]
    drawn = _names(draw_scores(layout, hemisphere, rng, 0.0, 0.0))
    expected = _names(layout.evidence)
    # a vertex exactly on a border belongs to either side
    assert (drawn == expected).mean() > 0.999


def test_border_noise_moves_borders_and_keeps_the_cores(geometry, rng):
    layout, hemisphere = geometry.layouts[0], geometry.hemispheres[0]
    drawn, expected = _names(draw_scores(layout, hemisphere, rng, 2.5, 0.0)), _names(layout.evidence)
    core = layout.evidence[:, : len(AREAS)].max(axis=1) > 10
    assert (drawn[core] == expected[core]).mean() > 0.85
    rim = np.abs(layout.evidence[:, : len(AREAS)].max(axis=1)) < 2
    assert 0.05 < (drawn[rim] != expected[rim]).mean() < 0.8


def test_columns_beyond_the_thirteen_count_as_other_cortex():
    names = (*AREAS, "hOc6")
    probability = np.zeros((2, 14))
    probability[0, 13], probability[1, 0] = 1.0, 1.0
    layout = layout_from_probabilities(probability, names)
    assert list(_names(layout.evidence)) == ["other cortex", "hOc1"]
    assert not layout.unit_mm


def test_columns_may_come_in_any_order():
    probability = np.eye(13)
    forward = layout_from_probabilities(probability, AREAS)
    backward = layout_from_probabilities(probability[:, ::-1], AREAS[::-1])
    np.testing.assert_array_equal(forward.evidence, backward.evidence)


@pytest.fixture(scope="module")
def scattered(geometry) -> Hemisphere:
    """300 vertices of the left hemisphere."""
    left = geometry.hemispheres[0]
    return _part(left, np.arange(0, len(left.pial.vertices_mm), 34))


def test_each_area_is_drawn_as_often_as_its_probability_says(scattered, rng):
    n, draws = len(scattered.pial.vertices_mm), 150
    probability = rng.dirichlet(np.full(14, 0.3), size=n)
    layout = layout_from_probabilities(probability[:, :13], AREAS)
    counts = np.zeros((n, 13))
    for _ in range(draws):
        labels = COLUMN_LABEL[draw_scores(layout, scattered, rng, 2.5, 2.0).argmax(axis=1)]
        rows = np.flatnonzero(labels >= LABEL_SET.first_area)
        counts[rows, labels[rows] - LABEL_SET.first_area] += 1
    frequency = counts / draws
    assert np.corrcoef(frequency.ravel(), probability[:, :13].ravel())[0, 1] > 0.97
    # the spread is that of a binomial number, no more
    deviation = frequency - probability[:, :13]
    expected = np.sqrt((probability[:, :13] * (1 - probability[:, :13])).mean() / draws)
    assert np.sqrt((deviation**2).mean()) < 1.5 * expected


def test_certain_places_are_always_drawn_as_they_are(scattered, rng):
    probability = np.zeros((len(scattered.pial.vertices_mm), 13))
    probability[:, 4] = 1.0
    layout = layout_from_probabilities(probability, AREAS)
    for _ in range(5):
        assert set(_names(draw_scores(layout, scattered, rng, 2.5, 2.0))) == {AREAS[4]}


def test_areas_slide_along_the_folds_by_the_phase(geometry):
    hemisphere = geometry.hemispheres[0]
    points = hemisphere.mirrored_inflated_mm
    # scores that are the places themselves say how far they slid
    layout = Layout(evidence=np.repeat(points, 6, axis=1)[:, : len(COLUMNS)].astype(np.float32), unit_mm=True)
    squares = []
    for seed in range(6):
        slid = draw_scores(layout, hemisphere, np.random.default_rng(seed), 0.0, 4.0)[:, [0, 6, 12]]
        squares.append(((slid - points) ** 2).sum(axis=1).mean())
    assert np.sqrt(np.mean(squares)) == pytest.approx(4.0, rel=0.3)


def test_without_phase_nothing_slides(geometry, rng):
    layout, hemisphere = geometry.layouts[0], geometry.hemispheres[0]
    drawn = draw_scores(layout, hemisphere, rng, 0.0, 0.0)
    np.testing.assert_allclose(drawn[:, : len(AREAS)], layout.evidence[:, : len(AREAS)], atol=1e-4)


def test_a_probability_map_says_the_phase_itself(scattered):
    layout = layout_from_probabilities(np.full((len(scattered.pial.vertices_mm), 13), 0.06), AREAS)
    one, other = (
        draw_scores(layout, scattered, np.random.default_rng(1), *sizes) for sizes in ((0.0, 0.0), (9.0, 9.0))
    )
    np.testing.assert_array_equal(one, other)


def _mean_of_draws(layout: Layout, hemisphere: Hemisphere, draws: int) -> np.ndarray:
    """How often each area is drawn at each vertex, with the lengths of the default settings."""
    counts = np.zeros((len(layout.evidence), len(AREAS)))
    for seed in range(draws):
        best = draw_scores(layout, hemisphere, np.random.default_rng(seed), 2.5, 2.0).argmax(axis=1)
        rows = np.flatnonzero(best < len(AREAS))
        counts[rows, best[rows]] += 1
    return counts / draws


def _part(hemisphere: Hemisphere, rows: np.ndarray) -> Hemisphere:
    """Some vertices of a hemisphere: draws need places, not faces."""

    def some(mesh: TriangleMesh) -> TriangleMesh:
        return TriangleMesh(vertices_mm=mesh.vertices_mm[rows], faces=np.array([[0, 1, 2]], np.int32))

    return Hemisphere(
        side=hemisphere.side, pial=some(hemisphere.pial), white=some(hemisphere.white),
        inflated=some(hemisphere.inflated), medial_wall=np.zeros(len(rows), bool),
    )  # fmt: skip


def _correlations(layout: Layout, hemisphere: Hemisphere, every: int) -> dict[str, float]:
    """Mean of 200 individuals against the map, per area whose peak probability is at least 0.4."""
    probability = np.exp(layout.evidence[:, : len(AREAS)].astype(float))
    rows = np.flatnonzero(probability.sum(axis=1) > 1e-3)[::every]
    part = Layout(evidence=layout.evidence[rows], unit_mm=False)
    mean = _mean_of_draws(part, _part(hemisphere, rows), 200)
    return {
        area: float(np.corrcoef(mean[:, k], probability[rows, k])[0, 1])
        for k, area in enumerate(AREAS)
        if probability[:, k].max() >= 0.4
    }


def _synthetic_map(geometry) -> np.ndarray:
    """A probability map on fsaverage5: distances from landmarks turned into shares of 0.9 at most."""
    evidence = geometry.layouts[0].evidence[:, : len(AREAS) + 1].astype(float)
    shares = np.exp(evidence / 4)
    return 0.9 * shares[:, :-1] / shares.sum(axis=1, keepdims=True)


def test_individuals_average_to_a_synthetic_map(geometry):
    layout = layout_from_probabilities(_synthetic_map(geometry), AREAS)
    found = _correlations(layout, geometry.hemispheres[0], 4)
    assert len(found) >= 10
    assert min(found.values()) >= 0.95, found


def test_areas_drawn_from_a_map_are_mostly_of_one_piece(geometry):
    hemisphere = geometry.hemispheres[0]
    layout = layout_from_probabilities(_synthetic_map(geometry), AREAS)
    assert np.median(_shares_in_one_piece(layout, hemisphere, 4)) >= 0.9


def _shares_in_one_piece(layout: Layout, hemisphere: Hemisphere, draws: int) -> list[float]:
    shares = []
    for seed in range(draws):
        best = draw_scores(layout, hemisphere, np.random.default_rng(seed), 2.5, 2.0).argmax(axis=1)
        for k in range(len(AREAS)):
            if (best == k).any():
                shares.append(largest_piece(hemisphere.pial, best == k).sum() / (best == k).sum())
    return shares


@pytest.mark.real
@pytest.mark.slow
def test_individuals_average_to_the_real_map_and_their_areas_are_of_one_piece(real_data):
    given = folder_geometry(real_data / "bigbrain")
    for layout, hemisphere in zip(given.layouts, given.hemispheres, strict=True):
        found = _correlations(layout, hemisphere, 3)
        assert set(found) == set(AREAS)
        assert min(found.values()) >= 0.95, {area: round(value, 3) for area, value in found.items()}
        assert np.median(_shares_in_one_piece(layout, hemisphere, 3)) >= 0.9
