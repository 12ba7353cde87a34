from dataclasses import replace

import numpy as np
import pytest

from gennari.sampling.distances import LeftPlaces, measure_pairs, solves
from gennari.sampling.pairs import PairSettings, draw_pairs
from gennari.surface.geodesic import GeodesicSolver


def straight():
    """Solvers that answer |face - face| + |weights - weights| + 100 on the right, and remember who asked."""
    asked = []

    def of_side(side):
        def distances(face, weights, to_face, to_weights):
            asked.append((side, face))
            return np.abs(to_face - face) + np.abs(to_weights - weights).sum(axis=1) + 100.0 * side

        return distances

    return (of_side(0), of_side(1)), asked


def test_distances_are_those_of_the_right_solver_one_solve_a_source(rng, make_patches):
    table = make_patches(300)
    first, second = draw_pairs(table, PairSettings(hub_fraction=0.02), rng)
    solvers, asked = straight()
    ticks = []
    pairs = measure_pairs(table, first, second, solvers, ticks.append)
    for f, s, mm in zip(first, second, pairs.distance_mm, strict=True):
        between = np.abs(table.weights[f] - table.weights[s]).sum() + abs(table.face[f] - table.face[s])
        assert mm == pytest.approx(between + 100 * table.side[f])
    assert len(asked) == len(set(first)) == ticks[-1].total == len(ticks)
    pairs.check(len(table))


def test_a_pair_has_the_same_source_whichever_way_round(rng, make_patches):
    table = make_patches(300)
    first, second = draw_pairs(table, PairSettings(hub_fraction=0.02), rng)
    turned = rng.random(300) < 0.5
    (solvers, asked), (again, asked_again) = straight(), straight()
    measure_pairs(table, first, second, solvers)
    measure_pairs(table, np.where(turned, second, first), np.where(turned, first, second), again)
    assert asked == asked_again


def test_pairs_across_hemispheres_need_to_know_where_the_right_lies_on_the_left(make_patches):
    table = make_patches(300)
    left, right = np.flatnonzero(table.side == 0)[:1], np.flatnonzero(table.side == 1)[:1]
    with pytest.raises(ValueError, match="pair 0 spans the two"):
        measure_pairs(table, left, right, straight()[0])


def test_pairs_across_hemispheres_are_measured_on_the_left_and_others_where_they_lie(rng, make_patches):
    table = make_patches(300)
    first, second = draw_pairs(table, PairSettings(cross_hemisphere=True, hub_fraction=0.05), rng)
    right = table.side == 1
    left = LeftPlaces(
        face=np.where(right, table.face + 1000, table.face).astype(np.int32),
        weights=np.where(right[:, None], table.weights[:, ::-1], table.weights),
    )
    solvers, asked = straight()
    pairs = measure_pairs(table, first, second, solvers, left=left)
    for f, s, mm in zip(first, second, pairs.distance_mm, strict=True):
        places = table if right[f] and right[s] else left
        between = np.abs(places.weights[f] - places.weights[s]).sum() + abs(int(places.face[f]) - int(places.face[s]))
        assert mm == pytest.approx(between + 100 * (right[f] and right[s]))
    assert len(set(first)) < len(asked) <= 2 * len(set(first))  # a right hub runs on both
    assert sorted(np.concatenate([solve.pairs for solve in solves(table, first, second, left)])) == list(range(300))


def test_no_pairs_need_no_solve(make_patches):
    assert solves(make_patches(5), np.zeros(0, int), np.zeros(0, int)) == []


def test_distances_on_a_sphere_are_its_arcs(spheres, rng, make_patches):
    hemispheres = spheres.hemispheres()
    table = replace(make_patches(80, splits=("train",)), face=rng.integers(0, 5120, 80).astype(np.int32))
    first, second = draw_pairs(table, PairSettings(hub_fraction=0.05), rng)
    left, right = (GeodesicSolver(hemisphere.mid).distances for hemisphere in hemispheres)
    got = measure_pairs(table, first, second, (left, right)).distance_mm
    unit = np.einsum("nc,ncx->nx", table.weights, spheres.unit.vertices_mm[spheres.unit.faces[table.face]])
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    arc = spheres.radius_mm * np.arccos(np.clip((unit[first] * unit[second]).sum(axis=1), -1, 1))
    assert np.abs(got - arc).mean() < 0.005 * arc.mean()
