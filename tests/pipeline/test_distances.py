"""Distances of a run's pairs: measured once, kept source by source, gone on with after an interruption."""

from dataclasses import replace

import numpy as np
import pytest

from gennari.pipeline import distances
from gennari.pipeline.distances import Measuring, left_places, measure_all
from gennari.pipeline.inflated import inflated_figures
from gennari.pipeline.journal import RECORD, Journal, forget
from gennari.records import Hemisphere, PatchTable, TriangleMesh
from gennari.sampling.pairs import PairSettings, by_source, draw_pairs
from gennari.surface.correspondence import right_to_left
from gennari.surface.geodesic import Calibration, GeodesicSolver
from gennari.surface.mesh import subdivide

KEPT = {"L": Calibration(excess=0.01, reach_mm=40.0), "R": Calibration(sources=2)}


def ball(side: str, x_mm: float) -> Hemisphere:
    """A folded octahedron; the right one is the left one mirrored, its faces turned round."""
    corners = np.array([[1, 0, 0], [-1, 0, 0], [0, 1, 0], [0, -1, 0], [0, 0, 1], [0, 0, -1]], float)
    quarters = [(0, 2, 4), (2, 1, 4), (1, 3, 4), (3, 0, 4), (2, 0, 5), (1, 2, 5), (3, 1, 5), (0, 3, 5)]
    mesh = TriangleMesh(vertices_mm=corners, faces=np.array(quarters, np.int32))
    for _ in range(4):
        mesh, _ = subdivide(mesh)
    points = mesh.vertices_mm / np.linalg.norm(mesh.vertices_mm, axis=1, keepdims=True)
    points = points * (1 + 0.1 * np.sin(7 * points[:, :1]) * np.cos(5 * points[:, 1:2]))
    faces = mesh.faces if side == "L" else mesh.faces[:, [1, 0, 2]]
    sign = np.array([1.0 if side == "L" else -1.0, 1, 1])

    def at(radius_mm: float) -> TriangleMesh:
        return TriangleMesh(vertices_mm=(points * radius_mm + [x_mm, 0, 0]) * sign, faces=faces)

    wall = np.zeros(len(points), bool)
    return Hemisphere(side=side, pial=at(16.0), white=at(14.0), inflated=at(15.0), medial_wall=wall)  # pyright: ignore


@pytest.fixture(scope="module")
def hemispheres() -> tuple[Hemisphere, Hemisphere]:
    return ball("L", -20.0), ball("R", -20.0)


@pytest.fixture
def patches(make_patches) -> PatchTable:
    return make_patches(120, splits=("train",), faces=2048)


@pytest.fixture
def drawn(patches, rng) -> tuple[np.ndarray, np.ndarray]:
    return draw_pairs(patches, PairSettings(hub_fraction=0.1), rng)


@pytest.mark.slow
def test_threads_give_each_pair_the_distance_its_solver_gives(hemispheres, patches, drawn, tmp_path, ticks):
    pairs, calibrations = measure_all(hemispheres, patches, *drawn, Measuring(workers=2), tmp_path / "j", ticks.append)
    assert set(calibrations) == {"L", "R"}
    solvers = [GeodesicSolver(half.mid, calibrations[half.side]) for half in hemispheres]
    sources, targets = by_source(pairs.first, pairs.second, len(patches))
    for one, other, mm in zip(sources, targets, pairs.distance_mm, strict=True):
        solver = solvers[patches.side[one]]
        place = (patches.face[[other]], patches.weights[[other]])
        assert mm == pytest.approx(solver.distances(int(patches.face[one]), patches.weights[one], *place)[0])
    last = [tick for tick in ticks if tick.stage == "distances"][-1]
    assert last.done == last.total == len(set(sources))


@pytest.mark.slow
def test_exact_distances_are_close_to_those_of_the_front_and_need_no_calibration(
    hemispheres, patches, drawn, tmp_path, ticks
):
    front = measure_all(hemispheres, patches, *drawn, Measuring(), tmp_path / "front", ticks.append)
    exact = measure_all(hemispheres, patches, *drawn, Measuring(exact=True, workers=2), tmp_path / "ex", ticks.append)
    assert exact.calibrations == {}
    error = np.abs(front.pairs.distance_mm / exact.pairs.distance_mm - 1)
    assert 0 < error.mean() < 0.01


@pytest.mark.parametrize("exact", [False, True])
def test_an_interrupted_call_goes_on_with_the_sources_that_are_left(
    hemispheres, patches, drawn, tmp_path, ticks, monkeypatch, exact
):
    how, folder = Measuring(exact=exact), tmp_path / "journal"
    whole = measure_all(hemispheres, patches, *drawn, how, tmp_path / "whole", ticks.append)
    total = ticks[-1].total

    def stop(tick) -> None:
        if tick.stage == "distances" and tick.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure_all(hemispheres, patches, *drawn, how, folder, stop)
    asked = []
    solve = distances._run
    monkeypatch.setattr(distances, "_run", lambda solvers, task: asked.append(task) or solve(solvers, task))
    monkeypatch.setattr(distances, "calibrate", None)  # is not fitted again
    ticks.clear()
    again = measure_all(hemispheres, patches, *drawn, how, folder, ticks.append)
    assert np.array_equal(again.pairs.distance_mm, whole.pairs.distance_mm)
    assert again.calibrations == whole.calibrations
    # one worker may have been a source ahead of the one that was told
    assert total - 7 <= len(asked) <= total - 5
    assert (ticks[0].done, ticks[-1].done, ticks[-1].total) == (total - len(asked) + 1, total, total)
    ticks.clear()
    assert np.array_equal(
        measure_all(hemispheres, patches, *drawn, how, folder, ticks.append).pairs.distance_mm, whole.pairs.distance_mm
    )
    assert ticks == []
    forget(folder)
    assert not folder.exists()


def test_what_was_measured_for_other_pairs_is_thrown_away(hemispheres, patches, drawn, tmp_path, ticks):
    folder = tmp_path / "journal"
    measure_all(hemispheres, patches, *drawn, Measuring(), folder, ticks.append)
    moved = replace(patches, weights=patches.weights[:, ::-1].copy())
    fresh = measure_all(hemispheres, moved, *drawn, Measuring(), tmp_path / "fresh", ticks.append)
    there = measure_all(hemispheres, moved, *drawn, Measuring(), folder, ticks.append)
    assert np.array_equal(there.pairs.distance_mm, fresh.pairs.distance_mm)


def test_a_journal_finds_what_was_added_and_cuts_off_a_torn_record(tmp_path):
    journal = Journal(tmp_path / "j", "key")
    assert journal.calibrations() is None
    journal.begin(KEPT)  # pyright: ignore
    journal.add(np.array([3, 0]), np.array([1.5, 2.5]))
    with (tmp_path / "j/finished.bin").open("ab") as file:
        file.write(b"half")
    again = Journal(tmp_path / "j", "key")
    found = again.calibrations()
    assert found is not None
    assert found["L"].apply(np.ones(1)) == KEPT["L"].apply(np.ones(1))
    assert np.isnan(found["R"].near_error_mm)
    assert np.array_equal(again.distances(4), [2.5, np.nan, np.nan, 1.5], equal_nan=True)
    again.add(np.array([1]), np.array([0.5]))
    assert np.array_equal(again.distances(4), [2.5, 0.5, np.nan, 1.5], equal_nan=True)
    assert (tmp_path / "j/finished.bin").stat().st_size == 3 * RECORD.itemsize
    Journal(tmp_path / "j", "other")
    assert not (tmp_path / "j").exists()


def test_pairs_across_hemispheres_are_measured_on_the_left(hemispheres, patches, rng, tmp_path, ticks):
    pairs = draw_pairs(patches, PairSettings(cross_hemisphere=True, hub_fraction=0.1), rng)
    to_left = right_to_left(hemispheres)
    found = measure_all(hemispheres, patches, *pairs, Measuring(), tmp_path / "j", ticks.append, to_left).pairs
    # the right half is the left one mirrored: on it the same places have the same distances
    there = replace(patches, side=np.zeros_like(patches.side))
    there = replace(there, **vars(left_places(patches, to_left)))
    on_left = measure_all(hemispheres, there, *pairs, Measuring(), tmp_path / "left", ticks.append).pairs
    across = patches.side[found.first] != patches.side[found.second]
    assert 0.3 < across.mean() < 0.7
    assert np.array_equal(found.distance_mm[across], on_left.distance_mm[across])
    assert np.allclose(found.distance_mm, on_left.distance_mm, rtol=0.02, atol=0.1)


def test_the_inflated_surface_is_judged_by_ranks_and_by_its_mirror_image(hemispheres, patches, drawn, tmp_path, ticks):
    pairs = measure_all(hemispheres, patches, *drawn, Measuring(), tmp_path / "j", ticks.append).pairs
    figures = inflated_figures(hemispheres, patches, pairs, None)
    assert figures["left_right_residual_mm"] == pytest.approx(0, abs=1e-6)
    for ranks in figures["spearman"].values():
        assert 0.9 < ranks["inflated"] <= 1
        assert ranks["pial"] == pytest.approx(ranks["inflated"], abs=0.02)
    same = replace(hemispheres[1], **{name: replace(getattr(hemispheres[1], name), faces=hemispheres[0].pial.faces)
                                      for name in ("pial", "white", "inflated")})  # fmt: skip
    alone = inflated_figures((hemispheres[0], same), patches, replace(pairs, **{
        name: getattr(pairs, name)[:2] for name in ("first", "second", "distance_mm")}), None)  # fmt: skip
    assert alone["left_right_residual_mm"] is None
    assert {"inflated": None, "pial": None} in alone["spearman"].values()
