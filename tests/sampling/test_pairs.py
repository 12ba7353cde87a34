from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from gennari.errors import InputError
from gennari.records import PatchTable
from gennari.sampling.pairs import PairSettings, fitted_exponent, hub_degrees, hub_pairs, measure_pairs, summarise_pairs
from gennari.surface.geodesic import GeodesicSolver


def patches(n, rng, splits=("train", "test")):
    return PatchTable(
        brain=np.full(n, "P"),
        section=np.zeros(n, np.int32),
        side=rng.integers(0, 2, n).astype(np.int8),
        centre_um=np.zeros((n, 2)),
        face=rng.integers(0, 50, n).astype(np.int32),
        weights=rng.dirichlet([1, 1, 1], n),
        vertex=np.zeros(n, np.int32),
        brain_mm=rng.normal(size=(n, 3)),
        inflated_mm=np.zeros((n, 3)),
        plane_angle_deg=np.full(n, 90.0),
        rotation_deg=np.zeros(n),
        curvature_per_mm=np.zeros(n),
        other_sheet_mm=np.zeros(n),
        tissue_share=np.ones(n),
        split=np.array(splits)[rng.integers(0, len(splits), n)],
    )


@pytest.mark.parametrize(("n", "fraction"), [(60, 0.01), (400, 0.05), (2000, 0.01), (2000, 0.5)])
def test_pairs_keep_every_law(n, fraction, rng):
    table = patches(n, rng)
    first, second = hub_pairs(table, PairSettings(hub_fraction=fraction), rng)
    assert len(first) == n  # as many as patches
    assert set(first) | set(second) == set(range(n))  # each at least once
    assert (first != second).all()
    assert len({frozenset(p) for p in zip(first.tolist(), second.tolist(), strict=True)}) == n
    assert (table.side[first] == table.side[second]).all()
    assert (table.split[first] == table.split[second]).all()
    assert not set(first) & set(second)  # hubs meet no hubs
    group = table.side * 2 + (table.split == "train")
    counts = np.bincount(group)
    assert (np.bincount(group[first]) == counts).all()
    assert len(set(first)) == sum(max(2, round(fraction * c)) for c in counts)


def test_hub_degrees_follow_the_exponent(rng):
    degree = hub_degrees(4000, 4000 * 100, 10**6, 2.5, rng)
    assert degree.sum() == 400_000
    assert fitted_exponent(degree) == pytest.approx(2.5, abs=0.1)
    assert fitted_exponent(hub_degrees(4000, 4000 * 100, 10**6, 3.5, rng)) == pytest.approx(3.5, abs=0.2)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_hub_degrees_keep_sum_and_limits(hubs, most, share, seed):
    total = hubs + round(share * hubs * (most - 1))
    degree = hub_degrees(hubs, total, most, 2.2, np.random.default_rng(seed))
    assert degree.sum() == total
    assert degree.min() >= 1
    assert degree.max() <= most


def test_impossible_degrees_are_refused(rng):
    with pytest.raises(ValueError, match=r"3 degrees in 1\.\.2 cannot sum to 7"):
        hub_degrees(3, 7, 2, 2.5, rng)


def test_the_smallest_group_can_be_paired(rng):
    table = patches(4, rng, splits=("train",)).take(np.zeros(4, int))
    assert len(hub_pairs(table, PairSettings(), rng)[0]) == 4


def test_too_small_a_group_is_refused_by_name(rng):
    table = patches(3, rng, splits=("val",)).take(np.zeros(3, int))
    with pytest.raises(InputError, match=r"got 3 in P, [LR], val"):
        hub_pairs(table, PairSettings(), rng)


def straight(table):
    """Solvers that answer |face - face| + |weights - weights| and remember who asked."""
    asked = []

    def of_side(side):
        def distances(face, weights, to_face, to_weights):
            asked.append((side, face))
            return np.abs(to_face - face) + np.abs(to_weights - weights).sum(axis=1) + 100.0 * side

        return distances

    return (of_side(0), of_side(1)), asked


def test_distances_are_those_of_the_right_solver_one_solve_a_source(rng):
    table = patches(300, rng)
    first, second = hub_pairs(table, PairSettings(hub_fraction=0.02), rng)
    solvers, asked = straight(table)
    ticks = []
    pairs = measure_pairs(table, first, second, solvers, ticks.append)
    for f, s, mm in zip(first, second, pairs.distance_mm, strict=True):
        between = np.abs(table.weights[f] - table.weights[s]).sum() + abs(table.face[f] - table.face[s])
        assert mm == pytest.approx(between + 100 * table.side[f])
    assert len(asked) == len(set(first)) == ticks[-1].total == len(ticks)
    pairs.check(len(table))


def test_a_pair_has_the_same_source_whichever_way_round(rng):
    table = patches(300, rng)
    first, second = hub_pairs(table, PairSettings(hub_fraction=0.02), rng)
    turned = rng.random(300) < 0.5
    (solvers, asked), (again, asked_again) = straight(table), straight(table)
    measure_pairs(table, first, second, solvers)
    measure_pairs(table, np.where(turned, second, first), np.where(turned, first, second), again)
    assert asked == asked_again


def test_pairs_across_hemispheres_are_refused(rng):
    table = patches(300, rng)
    left, right = np.flatnonzero(table.side == 0)[:1], np.flatnonzero(table.side == 1)[:1]
    with pytest.raises(ValueError, match="pair 0 spans the two"):
        measure_pairs(table, left, right, straight(table)[0])


def test_the_summary_counts_sources_and_degrees_of_each_group(rng):
    table = patches(60, rng, splits=("train",))
    rows = np.concatenate([np.flatnonzero(table.side == 0)[:6], np.flatnonzero(table.side == 1)[:4]])
    summary = summarise_pairs(table.take(rows), np.array([0, 0, 0, 1, 1, 6, 7]), np.array([2, 3, 4, 5, 2, 8, 9]))
    left, right = summary["P, L, train"], summary["P, R, train"]
    assert (left.pairs, left.sources, left.k_min, left.k_max) == (5, 2, 2, 3)
    assert left.exponent == pytest.approx(1 + 2 / (np.log(3 / 1.5) + np.log(2 / 1.5)))
    assert (right.pairs, right.sources) == (2, 2)
    assert np.isnan(right.exponent)


def test_unknown_settings_are_refused():
    with pytest.raises(ValidationError):
        PairSettings.model_validate({"k_min": 3})


def test_distances_on_a_sphere_are_its_arcs(spheres, rng):
    hemispheres = spheres.hemispheres()
    table = replace(patches(80, rng, splits=("train",)), face=rng.integers(0, 5120, 80).astype(np.int32))
    first, second = hub_pairs(table, PairSettings(hub_fraction=0.05), rng)
    left, right = (GeodesicSolver(hemisphere.mid).distances for hemisphere in hemispheres)
    got = measure_pairs(table, first, second, (left, right)).distance_mm
    unit = np.einsum("nc,ncx->nx", table.weights, spheres.unit.vertices_mm[spheres.unit.faces[table.face]])
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    arc = spheres.radius_mm * np.arccos(np.clip((unit[first] * unit[second]).sum(axis=1), -1, 1))
    assert np.abs(got - arc).mean() < 0.03 * arc.mean()
