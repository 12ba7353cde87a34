"""Sections: inside the brain, evenly spread, numbered by where they stand, with the tissue on the glass."""

import numpy as np
import pytest

from gennari.phantom.nuisance import section_condition
from gennari.phantom.plan import POLE_MM, SECTION_STEP_MM, plan_sections
from gennari.phantom.settings import NO_NUISANCE, BrainPlan, Nuisance
from gennari.sources.dataset import check_inside


@pytest.fixture(scope="module")
def sections(plain, plain_settings):
    return plan_sections(plain, BrainPlan(name="A", role="labelled", sections=7, first=0.5), plain_settings)


def _y(section) -> float:
    return float(section.brain_mm(np.zeros((1, 2)))[0, 1])


def test_there_are_as_many_as_asked_for_and_all_cut_the_brain(plain, sections):
    assert len(sections) == 7
    for section in sections:
        assert section.brain == "A"
        check_inside(section, plain.hemispheres)


def test_they_are_evenly_spread_over_the_posterior_part(plain, plain_settings, sections):
    y = np.array([_y(section) for section in sections])
    np.testing.assert_allclose(np.diff(y), np.diff(y).mean(), atol=2 * SECTION_STEP_MM)
    points = np.concatenate([h.pial.vertices_mm[:, 1] for h in plain.hemispheres])
    reach = points.min() + plain_settings.posterior_fraction * np.ptp(points)
    assert points.min() + POLE_MM < y.min()
    assert y.max() < reach
    assert y.max() > reach - 1.01 * np.diff(y).mean()


def test_a_sections_number_says_where_it_stands(plain, sections):
    pole = min(h.pial.vertices_mm[:, 1].min() for h in plain.hemispheres)
    for section in sections:
        assert _y(section) == pytest.approx(pole + SECTION_STEP_MM * section.id, abs=SECTION_STEP_MM)


def test_numbers_are_unique_and_all_grids_have_one_shape(sections):
    assert len({section.id for section in sections}) == len(sections)
    assert len({section.shape_px for section in sections}) == 1


def test_the_tissue_of_a_section_lies_on_its_glass(plain, sections):
    for section in sections:
        for hemisphere in plain.hemispheres:
            um = section.section_um(hemisphere.pial.vertices_mm)
            near = um[np.abs(um[:, 2]) < 2000, :2]
            assert (near > 0).all()
            assert (near < section.size_um).all()


def test_individuals_are_cut_at_other_places_by_their_first_shift(plain, plain_settings):
    early, late = (
        plan_sections(plain, BrainPlan(name="A", role="labelled", sections=4, first=first), plain_settings)
        for first in (0.2, 0.8)
    )
    step = _y(early[1]) - _y(early[0])
    assert _y(late[0]) - _y(early[0]) == pytest.approx(0.6 * step, abs=2 * SECTION_STEP_MM)
    assert not {section.id for section in early} & {section.id for section in late}


def test_sections_are_rated_by_what_happened_to_them(plain, plain_settings):
    settings = plain_settings.model_copy(update={"nuisance": Nuisance()})
    sections = plan_sections(plain, BrainPlan(name="A", role="labelled", sections=60, first=0.5), settings)
    for section in sections:
        assert section.quality == section_condition(plain, section, settings.nuisance).quality
    assert {section.quality for section in sections} >= {"excellent", "good", "fair"}


def test_without_nuisance_all_sections_are_excellent(plain, plain_settings):
    perfect = plain_settings.model_copy(update={"nuisance": NO_NUISANCE})
    sections = plan_sections(plain, BrainPlan(name="A", role="labelled", sections=20, first=0.5), perfect)
    assert {section.quality for section in sections} == {"excellent"}
