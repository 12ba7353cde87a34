from dataclasses import replace

import numpy as np
import pytest
from pydantic import ValidationError

from gennari.errors import InputError
from gennari.sampling.patches import PatchSettings, sample_patches
from gennari.surface.ribbon import cut_ribbon

SETTINGS = PatchSettings(count=4000, ribbon_spacing_um=250.0, mid_tolerance=0.15, upright_window_um=1500.0)
HEIGHTS_MM = np.arange(-18.0, 18.1, 3.0)


@pytest.fixture(scope="module")
def cut(spheres):
    sections = [spheres.section(float(y)) for y in HEIGHTS_MM]
    return [(section, spheres.ribbon(section)) for section in sections]


@pytest.fixture(scope="module")
def split(cut):
    return {section.id: "train" if i % 2 else "test" for i, (section, _) in enumerate(cut)}


@pytest.fixture(scope="module")
def table(cut, spheres, split):
    return sample_patches(iter(cut), spheres.hemispheres(), split, SETTINGS, np.random.default_rng(3))


def arms(table, spheres):
    return table.brain_mm - np.array([[x, 0, 0] for x in spheres.centre_x_mm])[table.side]


def test_centres_lie_in_mid_cortex_on_pixel_centres(table, spheres):
    radius = np.linalg.norm(arms(table, spheres), axis=1)
    assert (np.abs(radius - 20) <= 0.15 * np.array(spheres.thickness_mm)[table.side] + 1e-6).all()
    assert len(table) == 4000
    assert np.allclose((table.centre_um / 250) % 1, 0.5)


def test_places_agree_with_positions(table, spheres):
    arm = arms(table, spheres)
    direction = arm / np.linalg.norm(arm, axis=1, keepdims=True)
    faces = spheres.unit.faces[table.face]
    rebuilt = np.einsum("nc,ncx->nx", table.weights, spheres.unit.vertices_mm[faces])
    assert np.abs(rebuilt / np.linalg.norm(rebuilt, axis=1, keepdims=True) - direction).max() < 1e-5
    assert (table.vertex == faces[np.arange(len(table)), table.weights.argmax(axis=1)]).all()
    mirrored = direction * np.where(table.side == 1, -1, 1)[:, None] ** np.array([1, 0, 0])
    assert np.abs(table.inflated_mm - 40 * mirrored).max() < 0.1


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


def test_patches_are_uniform_over_the_surface_whatever_thickness_and_obliqueness(cut, spheres, split):
    # few of the 27,000 places: drawing without replacement evens out weights once it takes a large share
    few = SETTINGS.model_copy(update={"count": 1000})
    tables = [sample_patches(cut, spheres.hemispheres(), split, few, np.random.default_rng(s)) for s in range(4)]
    y_mm = np.concatenate([table.brain_mm[:, 1] for table in tables])
    side = np.concatenate([table.side for table in tables])
    # zones of equal height have equal area on a sphere (Archimedes), and both spheres are alike
    _, counts = np.unique(y_mm, return_counts=True)
    expected = counts.mean()
    assert ((counts - expected) ** 2 / expected).sum() < 27.9  # chi², 9 degrees, p = 0.001
    assert abs((side == 0).mean() - 0.5) < 3.3 * 0.5 / np.sqrt(len(side))


def test_rows_are_unique_ordered_and_of_their_split(table, split):
    where = np.column_stack([table.section, table.centre_um])
    assert len(np.unique(where, axis=0)) == len(table)
    assert (np.lexsort(where.T[::-1]) == np.arange(len(table))).all()
    assert table.split.tolist() == [split[i] for i in table.section]


def test_the_same_seed_draws_the_same_and_another_does_not(cut, spheres, split, table):
    again = sample_patches(cut, spheres.hemispheres(), split, SETTINGS, np.random.default_rng(3))
    other = sample_patches(cut, spheres.hemispheres(), split, SETTINGS, np.random.default_rng(4))
    assert np.array_equal(again.centre_um, table.centre_um)
    assert not np.array_equal(other.centre_um, table.centre_um)


def test_guard_sections_give_no_patches_and_ticks_come(cut, spheres, split, rng):
    guarded = split | {cut[4][0].id: "guard"}
    ticks = []
    few = SETTINGS.model_copy(update={"count": 300})
    table = sample_patches(cut, spheres.hemispheres(), guarded, few, rng, ticks.append)
    assert cut[4][0].id not in table.section
    assert [t.done for t in ticks] == list(range(1, len(cut) + 1))


def test_distance_between_centres_is_kept(cut, spheres, split, rng):
    apart = SETTINGS.model_copy(update={"count": 150, "min_distance_mm": 2.0})
    table = sample_patches(cut, spheres.hemispheres(), split, apart, rng)
    gaps = np.linalg.norm(table.brain_mm[:, None] - table.brain_mm[None], axis=2)
    assert gaps[~np.eye(150, dtype=bool)].min() > 2
    too_many = apart.model_copy(update={"count": 3000})
    with pytest.raises(InputError, match="3000 patches were asked for"):
        sample_patches(cut, spheres.hemispheres(), split, too_many, rng)


def test_orientation_may_be_left_or_random(cut, spheres, split, rng):
    few = SETTINGS.model_copy(update={"count": 200, "orientation": "none"})
    assert not sample_patches(cut, spheres.hemispheres(), split, few, rng).rotation_deg.any()
    few = few.model_copy(update={"orientation": "random"})
    angles = sample_patches(cut, spheres.hemispheres(), split, few, rng).rotation_deg
    assert angles.min() < -150
    assert angles.max() > 150


def test_more_patches_than_places_are_refused(cut, spheres, split, rng):
    with pytest.raises(InputError, match="1000000 patches were asked for, but only"):
        sample_patches(cut, spheres.hemispheres(), split, SETTINGS.model_copy(update={"count": 10**6}), rng)
    with pytest.raises(InputError, match="but only 0 places"):
        sample_patches([], spheres.hemispheres(), split, SETTINGS, rng)


def test_a_ribbon_of_another_spacing_or_section_is_refused(cut, spheres, split, rng):
    (section, ribbon), (other, _) = cut[:2]
    with pytest.raises(ValueError, match=r"got the ribbon of section \d+ at 64"):
        sample_patches([(section, replace(ribbon, spacing_um=64.0))], spheres.hemispheres(), split, SETTINGS, rng)
    with pytest.raises(ValueError, match=f"patches of section {other.id} are placed"):
        sample_patches([(other, ribbon)], spheres.hemispheres(), split, SETTINGS, rng)


def test_a_section_without_a_split_is_refused(cut, spheres, rng):
    with pytest.raises(ValueError, match="every section needs a split"):
        sample_patches(cut, spheres.hemispheres(), {}, SETTINGS, rng)


def test_the_ribbon_kernel_gives_the_same_places_as_the_closed_form(spheres, rng):
    section = spheres.section(6.0)
    settings = SETTINGS.model_copy(update={"count": 500})
    ribbon = cut_ribbon(spheres.hemispheres(), section, 250.0)
    table = sample_patches([(section, ribbon)], spheres.hemispheres(), {section.id: "val"}, settings, rng)
    arm = arms(table, spheres)
    assert np.abs(np.linalg.norm(arm, axis=1) - 20).max() < 0.15 * 3 + 0.05
    expected = np.degrees(np.arctan2(-arm[:, 0], arm[:, 2]))
    assert np.abs((table.rotation_deg - expected + 180) % 360 - 180).max() < 10


def test_unknown_settings_are_refused():
    with pytest.raises(ValidationError):
        PatchSettings.model_validate({"size_um": 2000})
