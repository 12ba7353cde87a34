from dataclasses import fields, replace

import numpy as np
import pytest
from pydantic import ValidationError

from gennari.errors import InputError
from gennari.sampling import patches
from gennari.sampling.patches import sample_patches
from gennari.sampling.settings import PatchSettings

SETTINGS = PatchSettings(count=4000, ribbon_spacing_um=250.0, mid_tolerance=0.15, upright_window_um=1500.0)
HEIGHTS_MM = np.arange(-18.0, 18.1, 3.0)
PATCH_UM = 2000.0


@pytest.fixture(scope="module")
def hemispheres(spheres):
    return spheres.hemispheres()


@pytest.fixture(scope="module")
def sections(spheres):
    return [spheres.section(float(y)) for y in HEIGHTS_MM]


@pytest.fixture(scope="module")
def split(sections):
    return {section.id: "train" if i % 2 else "test" for i, section in enumerate(sections)}


@pytest.fixture(scope="module")
def draw(hemispheres, sections, split):
    def drawn(seed=3, sections=sections, split=split, tick=None, workers=1, **changes):
        settings = SETTINGS.model_copy(update=changes)
        rng = np.random.default_rng(seed)
        return sample_patches(
            sections, hemispheres, split, settings, rng, patch_um=PATCH_UM, workers=workers, tick=tick
        )

    return drawn


@pytest.fixture(scope="module")
def table(draw):
    return draw()


def arms(table, spheres):
    return table.brain_mm - np.array([[x, 0, 0] for x in spheres.centre_x_mm])[table.side]


def same(one, other):
    return all(np.array_equal(getattr(one, field.name), getattr(other, field.name)) for field in fields(one))


def test_centres_lie_in_mid_cortex_on_pixel_centres(table, spheres):
    radius = np.linalg.norm(arms(table, spheres), axis=1)
    # the mesh's faces lie up to 0.03 mm inside the sphere
    assert (np.abs(radius - 20) <= 0.15 * np.array(spheres.thickness_mm)[table.side] + 0.04).all()
    assert len(table) == 4000
    assert np.allclose((table.centre_um / 250) % 1, 0.5)


def test_places_agree_with_positions(table, spheres):
    arm = arms(table, spheres)
    direction = arm / np.linalg.norm(arm, axis=1, keepdims=True)
    faces = spheres.unit.faces[table.face]
    rebuilt = np.einsum("nc,ncx->nx", table.weights, spheres.unit.vertices_mm[faces])
    assert np.abs(rebuilt / np.linalg.norm(rebuilt, axis=1, keepdims=True) - direction).max() < 0.005  # prisms taper
    assert (table.vertex == faces[np.arange(len(table)), table.weights.argmax(axis=1)]).all()
    mirrored = direction * np.where(table.side == 1, -1, 1)[:, None] ** np.array([1, 0, 0])
    assert np.abs(table.inflated_mm - 40 * mirrored).max() < 0.2


def test_plane_angle_is_that_of_the_sphere_and_steep(table, spheres):
    arm = arms(table, spheres)
    expected = np.degrees(np.arccos(np.abs(arm[:, 1]) / np.linalg.norm(arm, axis=1)))
    assert np.abs(table.plane_angle_deg - expected).max() < 1
    assert table.plane_angle_deg.min() >= 45
    assert set(np.unique(table.brain_mm[:, 1])) <= {y for y in HEIGHTS_MM if abs(y) <= 15}


def test_curvature_is_that_of_the_sphere(table, spheres):
    # faces at the icosphere's twelve vertices with five neighbours are left out: the kernel's areas are rough there
    five = np.bincount(spheres.unit.faces.ravel()) == 5
    regular = ~five[spheres.unit.faces[table.face]].any(axis=1)
    assert regular.mean() > 0.95
    assert np.abs(table.curvature_per_mm[regular] - 1 / 20).max() < 0.0005


def test_upright_row_axis_points_to_the_centre(table, spheres):
    arm = arms(table, spheres)
    # row = -z, col = +x: inward is (+z, -x) of the arm
    expected = np.degrees(np.arctan2(-arm[:, 0], arm[:, 2]))
    difference = (table.rotation_deg - expected + 180) % 360 - 180
    assert np.abs(difference).max() < 10
    assert np.abs(difference).mean() < 2


def test_the_other_sheet_is_the_other_sphere_where_they_face(spheres, split, sections):
    near = replace(spheres, centre_x_mm=(-22.5, 22.5))  # 5 mm between the mid surfaces
    settings, rng = SETTINGS.model_copy(update={"count": 2000}), np.random.default_rng(0)
    table = sample_patches(sections, near.hemispheres(), split, settings, rng, patch_um=PATCH_UM)
    unit = np.einsum("nc,ncx->nx", table.weights, spheres.unit.vertices_mm[spheres.unit.faces[table.face]])
    unit /= np.linalg.norm(unit, axis=1, keepdims=True)
    centre = np.array([[x, 0, 0] for x in near.centre_x_mm])
    arm = 20 * unit + centre[table.side] - centre[1 - table.side]
    distance = np.linalg.norm(arm, axis=1)
    facing = (np.einsum("nx,nx->n", arm / distance[:, None], unit) < -0.55) & (distance < 29.5)
    assert facing.sum() > 20
    assert np.abs(table.other_sheet_mm - (distance - 20))[facing].max() < 0.05
    assert (table.other_sheet_mm[distance > 30.5] == 10).all()


def test_tissue_share_is_the_part_of_the_window_inside_the_outer_surface(table, spheres):
    # far from the equator's edge: a window of 2 mm, its middle 1.5 mm (left) or 0.75 mm (right) below the surface
    at_pole = np.abs(table.brain_mm[:, 1]) < 1
    left, right = table.tissue_share[at_pole & (table.side == 0)], table.tissue_share[at_pole & (table.side == 1)]
    assert left.min() > 0.95
    assert np.abs(right.mean() - (1 + 0.75) / 2) < 0.03


@pytest.mark.parametrize("uniform_over", ["surface", "pixels"])
def test_patches_are_uniform_over_the_surface_or_over_its_pixels(uniform_over, draw, spheres):
    # few of the 27,000 places: drawing without replacement evens out weights once it takes a large share
    tables = [draw(seed, count=1000, uniform_over=uniform_over) for seed in range(4)]
    y_mm = np.concatenate([table.brain_mm[:, 1] for table in tables])
    side = np.concatenate([table.side for table in tables])
    # zones of equal height have equal area on a sphere (Archimedes), and both spheres are alike but for thickness
    share = np.array([0.5, 0.5]) if uniform_over == "surface" else np.array([2, 1]) / 3
    heights = [y for y in HEIGHTS_MM if abs(y) <= 12]
    counts = np.array([[((y_mm == y) & (side == s)).sum() for y in heights] for s in (0, 1)])
    expected = counts.sum() * share[:, None] / len(heights)
    assert ((counts - expected) ** 2 / expected).sum() < 40.8  # chi², 17 degrees, p = 0.001


def test_rows_are_unique_ordered_and_of_their_split(table, split):
    where = np.column_stack([table.section, table.centre_um])
    assert len(np.unique(where, axis=0)) == len(table)
    assert (np.lexsort(where.T[::-1]) == np.arange(len(table))).all()
    assert table.split.tolist() == [split[i] for i in table.section]


def test_the_same_seed_draws_the_same_and_another_does_not(draw, table):
    assert same(draw(), table)
    assert not same(draw(seed=4), table)


def test_neither_the_order_of_the_work_nor_what_is_asked_first_changes_the_outcome(draw, table, monkeypatch):
    monkeypatch.setattr(patches, "LONGEST_RUN", 2)
    assert same(draw(), table)
    monkeypatch.setattr(patches, "ASKED", 0)  # 64 places a section: all are asked again, and again
    ticks = []
    assert same(draw(tick=ticks.append), table)
    assert len(ticks) > 2 * len(HEIGHTS_MM) / 2


@pytest.mark.slow
def test_two_workers_draw_what_one_does(draw, table):
    assert same(draw(workers=2), table)


def test_a_section_that_holds_nearly_everything_gives_nearly_everything(draw, spheres, split):
    # 20 planes that pass the brain: an even share would be too little by far
    empty = [replace(spheres.section(y), id=round(100 * y)) for y in np.linspace(30, 40, 20)]
    sections = [spheres.section(0.0), *empty]
    table = draw(sections=sections, split={section.id: "train" for section in sections}, count=1500)
    assert len(table) == 1500
    assert same(table, draw(sections=sections[:1], split={sections[0].id: "train"}, count=1500))


def test_guard_sections_give_no_patches_and_ticks_come(draw, sections, split):
    guarded = split | {sections[4].id: "guard"}
    ticks = []
    table = draw(split=guarded, tick=ticks.append, count=300)
    assert sections[4].id not in table.section
    assert ticks[-1].done == ticks[-1].total > 1
    assert "section" in ticks[0].note


def test_sections_of_low_quality_give_no_patches(draw, sections):
    rated = [replace(s, quality=("excellent", "poor", "fair", "good")[i % 4]) for i, s in enumerate(sections)]
    by_id = {section.id: section.quality for section in rated}
    for least, there in (
        ("poor", {"excellent", "poor", "fair", "good"}),
        ("fair", {"excellent", "fair", "good"}),
        ("good", {"excellent", "good"}),
        ("excellent", {"excellent"}),
    ):
        table = draw(sections=rated, min_quality=least, count=300)
        assert {by_id[int(section)] for section in table.section} == there
    assert SETTINGS.min_quality == "fair"
    poor = [replace(section, quality="poor") for section in sections]
    with pytest.raises(InputError, match="rated 'fair' or better, but the best of 13 is 'poor'"):
        draw(sections=poor)


def test_windows_with_little_tissue_are_left_out_and_the_rest_is_drawn_as_before(draw, table):
    strict = draw(min_tissue=0.9)
    assert strict.tissue_share.min() >= 0.9
    assert len(strict) == 4000
    assert table.tissue_share.min() < 0.9
    everything = draw(min_tissue=0.0, count=300)
    picked = draw(min_tissue=0.9, count=300)
    kept = everything.take(everything.tissue_share >= 0.9)
    where = {tuple(row) for row in np.column_stack([picked.section, picked.centre_um])}
    assert {tuple(row) for row in np.column_stack([kept.section, kept.centre_um])} <= where


def test_distance_between_centres_is_kept(draw):
    table = draw(count=150, min_distance_mm=2.0)
    gaps = np.linalg.norm(table.brain_mm[:, None] - table.brain_mm[None], axis=2)
    assert gaps[~np.eye(150, dtype=bool)].min() > 2
    with pytest.raises(InputError, match="3000 patches were asked for"):
        draw(count=3000, min_distance_mm=2.0)


def test_orientation_may_be_left_or_random(draw):
    assert not draw(count=200, orientation="none").rotation_deg.any()
    angles = draw(count=200, orientation="random").rotation_deg
    assert angles.min() < -150
    assert angles.max() > 150


def test_more_patches_than_places_are_refused(draw):
    with pytest.raises(InputError, match="1000000 patches were asked for, but only"):
        draw(count=10**6)
    with pytest.raises(InputError, match="but only 0 places"):
        draw(sections=[])


def test_a_section_without_a_split_is_refused(draw):
    with pytest.raises(ValueError, match="every section needs a split"):
        draw(split={})


def test_unknown_settings_are_refused():
    with pytest.raises(ValidationError):
        PatchSettings.model_validate({"size_um": 2000})
