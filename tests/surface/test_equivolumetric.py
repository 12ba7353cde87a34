from dataclasses import replace

import numpy as np
import pytest

from gennari.records import Hemisphere, TriangleMesh
from gennari.surface.equivolumetric import column_areas, equivolumetric_depth, volume_share
from gennari.surface.ribbon import cut_ribbon


def centres_mm(ribbon, section) -> np.ndarray:
    rows, cols = np.nonzero(ribbon.cortex)
    return section.brain_mm((np.column_stack([rows, cols]) + 0.5) * ribbon.spacing_um)


@pytest.mark.parametrize(("outer_mm", "inner_mm"), [(30.0, 27.0), (8.0, 4.0)])
def test_on_a_sphere_depth_is_the_share_of_its_shell(shell, section, outer_mm, inner_mm):
    ball, plane = shell(outer_mm, inner_mm, 5), section(1.3, outer_mm + 1)
    ribbon = cut_ribbon([ball], plane)
    radius = np.linalg.norm(centres_mm(ribbon, plane), axis=1)
    exact = (outer_mm**3 - radius**3) / (outer_mm**3 - inner_mm**3)
    found = equivolumetric_depth(ribbon, [column_areas(ball)])[ribbon.cortex]
    inner = (exact > 0.02) & (exact < 0.98)
    assert np.abs(found - exact)[inner].max() < 5e-3  # chords of the mesh: 1e-3 of the radius at this level
    assert np.abs(found - ribbon.depth[ribbon.cortex]).max() > 0.02


def test_on_a_sphere_the_law_itself_is_exact():
    outer, inner = 30.0, 26.0
    t = np.linspace(0, 1, 21)
    radius = outer - t * (outer - inner)
    areas = np.tile([outer**2, ((outer + inner) / 2) ** 2, inner**2], (21, 1))
    assert np.allclose(volume_share(t, areas), (outer**3 - radius**3) / (outer**3 - inner**3), atol=1e-12)


def test_a_flat_sheet_keeps_its_depth_and_a_column_without_area_too():
    t = np.linspace(0, 1, 11)
    assert np.allclose(volume_share(t, np.full((11, 3), 2.5)), t)
    assert np.array_equal(volume_share(t, np.zeros((11, 3))), t)


def test_the_law_is_the_integral_of_the_quadratic_and_never_runs_backwards(rng):
    t = np.linspace(0, 1, 2001)
    for areas in (*rng.uniform(0.5, 2, (5, 3)), np.array([1.0, 0.01, 0.3]), np.array([0.0, 0.0, 1.0])):
        found = volume_share(t, np.tile(areas, (len(t), 1)))
        assert (np.diff(found) >= -1e-12).all()
        assert (found[0], found[-1]) == pytest.approx((0, 1))
        if areas[1] > 0.4:
            pial, mid, white = areas
            along = pial * (1 - t) * (1 - 2 * t) + 4 * mid * t * (1 - t) + white * t * (2 * t - 1)
            summed = np.concatenate([[0], np.cumsum((along[1:] + along[:-1]) / 2)])
            assert np.allclose(found, summed / summed[-1], atol=1e-6)


def test_a_crown_gives_its_outer_half_more_volume_and_a_fundus_less(shell):
    crown = shell(6.0, 3.0, 2)
    fundus = replace(crown, pial=crown.white, white=crown.pial)
    halves = [volume_share(np.full(162, 0.5), column_areas(sheet).areas_mm2) for sheet in (crown, fundus)]
    assert (halves[0] > 0.55).all()
    assert (halves[1] < 0.45).all()


def test_depth_is_continuous_over_edges(shell, section, rng):
    ball = shell(10.0, 7.0, 3)
    rough = [
        TriangleMesh(vertices_mm=mesh.vertices_mm + rng.normal(0, 0.05, mesh.vertices_mm.shape), faces=mesh.faces)
        for mesh in (ball.pial, ball.white)
    ]
    sheet = replace(ball, pial=rough[0], white=rough[1])
    ribbon = cut_ribbon([sheet], section(0.4, 12.0), 16.0)
    depth = equivolumetric_depth(ribbon, [column_areas(sheet)])
    steps = np.concatenate([np.diff(depth, axis=axis).ravel() for axis in (0, 1)])
    assert np.nanmax(np.abs(steps)) < 4 * 16.0 / 3000
    assert np.array_equal(np.isnan(depth), ~ribbon.cortex)


def test_each_side_has_its_own_columns_and_a_missing_one_is_refused(shell, section):
    def at(side: str, x_mm: float, inner_mm: float) -> Hemisphere:
        ball, by = shell(6.0, inner_mm, 3, side=side), np.array([x_mm, 0, 0])
        pial, white = (replace(mesh, vertices_mm=mesh.vertices_mm + by) for mesh in (ball.pial, ball.white))
        return replace(ball, pial=pial, white=white)

    halves = [at("L", -6.5, 3.0), at("R", 6.5, 5.0)]
    ribbon = cut_ribbon(halves, section(0.3, 13.0))
    columns = [column_areas(half) for half in halves]
    both = equivolumetric_depth(ribbon, columns[::-1])
    for side, half in enumerate(halves):
        alone = equivolumetric_depth(cut_ribbon([half], section(0.3, 13.0)), [columns[side]])
        assert np.array_equal(both[ribbon.side == side], alone[ribbon.side == side])
    with pytest.raises(ValueError, match="columns of hemisphere R"):
        equivolumetric_depth(ribbon, columns[:1])
