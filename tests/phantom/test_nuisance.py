"""What happens to sections: as strong as the settings say, the same each time, each kind on its own."""

from collections import Counter
from dataclasses import fields, is_dataclass, replace
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError

from gennari.phantom.nuisance import (
    BLURRED_UM,
    DAMAGED_MM2,
    GRADES,
    REACH_UM,
    STAIN_OFF,
    Condition,
    light_at,
    misregistered,
    rate,
    section_condition,
)
from gennari.phantom.optics import SECTION_THICKNESS_UM
from gennari.phantom.plan import plan_sections
from gennari.phantom.settings import NO_NUISANCE, Nuisance
from gennari.records import Section

DEFAULT = Nuisance()
SWITCHES = {
    "stain_sd": "gain",
    "illumination_sd": "light_sd",
    "blur_um": "blur_um",
    "camera_sd": "camera_sd",
    "thickness_sd": "thickness_um",
    "cracks": "cracks",
    "folds": "folds",
    "dust": "dust",
    "missing": "missing",
    "registration_mm": "registration",
}
OFF: dict[str, Any] = {"gain": 1.0, "thickness_um": SECTION_THICKNESS_UM, "registration": 0.0}


@pytest.fixture(scope="module")
def brain(plain):
    return replace(plain, stain_gain=1.0)


@pytest.fixture(scope="module")
def section(plain, plain_settings) -> Section:
    return plan_sections(plain, plain_settings.brains[0], plain_settings)[2]


@pytest.fixture(scope="module")
def conditions(brain, section) -> list[Condition]:
    """400 sections: numbers differ, and that is all that chance needs."""
    return [section_condition(brain, replace(section, id=number), DEFAULT) for number in range(400)]


def _same(one: Any, other: Any) -> bool:
    if is_dataclass(one):
        return type(one) is type(other) and all(
            _same(getattr(one, f.name), getattr(other, f.name)) for f in fields(one)
        )
    if isinstance(one, tuple):
        return len(one) == len(other) and all(_same(a, b) for a, b in zip(one, other, strict=True))
    return np.array_equal(one, other)


def test_a_condition_depends_on_seed_and_number_and_not_on_grid_or_rating(brain, section):
    one = section_condition(brain, section, DEFAULT)
    other_grid = replace(section, spacing_um=8.0, shape_px=(7, 9), quality="poor")
    assert _same(one, section_condition(brain, other_grid, DEFAULT))
    assert not _same(one, section_condition(brain, replace(section, id=section.id + 1), DEFAULT))
    assert not _same(one, section_condition(replace(brain, texture_seed=brain.texture_seed + 1), section, DEFAULT))


@pytest.mark.parametrize("switch", SWITCHES)
def test_a_switch_at_0_gives_none_of_it_and_changes_nothing_else(brain, section, conditions, switch):
    off = DEFAULT.model_copy(update={switch: getattr(NO_NUISANCE, switch)})
    changed = 0
    for number in range(40):
        condition = section_condition(brain, replace(section, id=number), off)
        for field in fields(Condition):
            value, usual = getattr(condition, field.name), getattr(conditions[number], field.name)
            if field.name == SWITCHES[switch]:
                given = value.rms_mm if field.name == "registration" else value
                assert given == OFF.get(field.name, () if isinstance(usual, tuple) else 0.0)
                changed += not _same(value, usual)
            elif field.name != "quality":
                assert _same(value, usual), field.name
    assert changed >= 3


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["cracks", "folds", "dust", "missing"])
def test_counts_have_the_mean_that_was_asked_for(brain, section, kind):
    only = NO_NUISANCE.model_copy(update={kind: 1.2})
    counts = [len(getattr(section_condition(brain, replace(section, id=n), only), kind)) for n in range(400)]
    assert np.mean(counts) == pytest.approx(1.2, abs=0.3)
    assert np.var(counts) > 1.5 * np.mean(counts)  # poor sections have more than chance gives


def test_stain_thickness_and_blur_vary_as_much_as_the_settings_say(conditions):
    for name, middle, sd in (("gain", 1.0, 0.08), ("thickness_um", SECTION_THICKNESS_UM, 0.08), ("blur_um", 0.8, 0.3)):
        log = np.log([getattr(condition, name) for condition in conditions])
        assert log.mean() == pytest.approx(np.log(middle), abs=4 * sd / 20)
        assert log.std() == pytest.approx(sd, rel=0.12), name
    assert {condition.camera_sd for condition in conditions} == {8.0}


def test_a_sections_gain_includes_the_brains_tone(brain, section):
    plain, dark = (section_condition(replace(brain, stain_gain=g), section, DEFAULT) for g in (1.0, 1.3))
    assert dark.gain == pytest.approx(1.3 * plain.gain)
    assert dark.quality == plain.quality


def test_light_varies_smoothly_by_its_sd_around_1(conditions, rng):
    rows, cols = rng.uniform(0, 100e3, size=(2, 300))
    values = np.array([light_at(condition, rows, cols) for condition in conditions[:100]])
    assert values.mean() == pytest.approx(1, abs=0.01)
    assert values.std() == pytest.approx(DEFAULT.illumination_sd, rel=0.15)
    steps = values - np.array([light_at(condition, rows + 1000, cols) for condition in conditions[:100]])
    assert steps.std() == pytest.approx(DEFAULT.illumination_sd / 25, rel=0.25)  # a mm of 25
    np.testing.assert_array_equal(light_at(replace(conditions[0], light_sd=0.0), rows, cols), 1)


def test_ratings_are_mostly_good_and_few_are_poor(conditions):
    share = {grade: count / len(conditions) for grade, count in Counter(c.quality for c in conditions).items()}
    assert share["excellent"] == pytest.approx(0.25, abs=0.08)
    assert share["good"] == pytest.approx(0.50, abs=0.08)
    assert share["fair"] == pytest.approx(0.20, abs=0.07)
    assert share["poor"] == pytest.approx(0.05, abs=0.04)


def test_a_rating_is_the_worst_of_its_three_grades():
    limits = (DAMAGED_MM2, BLURRED_UM, STAIN_OFF)
    assert rate(0.0, 0.0, 0.0) == "excellent"
    for judged in range(3):
        for grade in range(3):
            at, beyond = [0.0, 0.0, 0.0], [0.0, 0.0, 0.0]
            at[judged] = limits[judged][grade]
            beyond[judged] = 1.01 * limits[judged][grade]
            assert rate(*at) == GRADES[grade]
            assert rate(*beyond) == GRADES[grade + 1]
    assert rate(1.1 * DAMAGED_MM2[0], 1.1 * BLURRED_UM[2], 0.0) == "poor"


def test_without_nuisance_a_section_is_perfect(brain, section):
    for number in range(20):
        condition = section_condition(brain, replace(section, id=number), NO_NUISANCE)
        assert (condition.gain, condition.thickness_um, condition.blur_um) == (1.0, SECTION_THICKNESS_UM, 0.0)
        assert (condition.cracks, condition.folds, condition.missing, condition.dust) == ((), (), (), ())
        assert condition.quality == "excellent"


def _near(hemisphere, section, reach_um):
    off = [np.abs(section.section_um(mesh.vertices_mm)[:, 2]) for mesh in (hemisphere.pial, hemisphere.white)]
    return np.maximum(*off) < reach_um


def test_registration_errors_are_drawn_evenly_and_hold_in_the_tissue(brain, section, conditions):
    drawn = np.array([condition.registration.rms_mm for condition in conditions])
    assert drawn.min() >= 0.1
    assert drawn.max() <= 0.5
    np.testing.assert_allclose(np.quantile(drawn, [0.25, 0.5, 0.75]), [0.2, 0.3, 0.4], atol=0.04)
    for number in range(8):
        moved = misregistered(brain.hemispheres, section, conditions[number])
        squares = []
        for before, after in zip(brain.hemispheres, moved, strict=True):
            tissue = _near(before, section, 2000.0) & ~before.medial_wall
            squares.append(((after.mid.vertices_mm - before.mid.vertices_mm)[tissue] ** 2).sum(axis=1))
        assert np.sqrt(np.concatenate(squares).mean()) == pytest.approx(drawn[number], rel=0.1)


def test_tissue_moves_within_the_plane_only_and_keeps_faces_and_thickness(brain, section):
    strong = DEFAULT.model_copy(update={"registration_mm": (0.5, 0.5)})
    for number in range(6):
        condition = section_condition(brain, replace(section, id=number), strong)
        for before, after in zip(brain.hemispheres, misregistered(brain.hemispheres, section, condition), strict=True):
            assert after.pial.faces is before.pial.faces
            assert (after.inflated, after.medial_wall is before.medial_wall) == (before.inflated, True)
            for old, new in ((before.pial, after.pial), (before.white, after.white)):
                shift = new.vertices_mm - old.vertices_mm
                np.testing.assert_allclose(shift @ section.normal, 0, atol=1e-12)
            near = _near(before, section, REACH_UM)
            assert (np.abs(after.mid.vertices_mm - before.mid.vertices_mm)[near].max(axis=1) > 0).all()
            one, two = (np.linalg.norm(h.pial.vertices_mm - h.white.vertices_mm, axis=1)[near] for h in (before, after))
            assert np.sqrt(((two / one - 1) ** 2).mean()) <= 0.02


def test_surfaces_far_from_the_plane_stay_where_they_are(brain, section, conditions):
    for before, after in zip(brain.hemispheres, misregistered(brain.hemispheres, section, conditions[3]), strict=True):
        off = [np.abs(section.section_um(mesh.vertices_mm)[:, 2]) for mesh in (before.pial, before.white)]
        far = np.minimum(*off) > REACH_UM
        assert far.mean() > 0.5
        np.testing.assert_array_equal(after.pial.vertices_mm[far], before.pial.vertices_mm[far])
        np.testing.assert_array_equal(after.white.vertices_mm[far], before.white.vertices_mm[far])


def test_no_face_that_meets_the_plane_reaches_beyond_what_is_moved(brain, section):
    for hemisphere in brain.hemispheres:
        for mesh in (hemisphere.pial, hemisphere.white):
            across = section.section_um(mesh.vertices_mm)[:, 2][mesh.faces]
            met = (across.min(axis=1) <= 0) & (across.max(axis=1) >= 0)
            assert met.any()
            assert np.abs(across[met]).max() < REACH_UM


def test_perfect_registration_returns_the_very_same_surfaces(brain, section):
    condition = section_condition(brain, section, NO_NUISANCE)
    assert misregistered(brain.hemispheres, section, condition) is brain.hemispheres


def test_limits_of_the_registration_error_must_rise():
    with pytest.raises(ValidationError, match=r"must be \(lowest, highest\), got \(0\.5, 0\.1\); swap the two"):
        Nuisance(registration_mm=(0.5, 0.1))
