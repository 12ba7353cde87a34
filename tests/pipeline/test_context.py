"""Sections of one brain told by each other: an unsure one follows its neighbours, and nobody reads a truth."""

import numpy as np
import pytest

from gennari.apply.context_settings import ContextSettings
from gennari.apply.segment import Segmentation
from gennari.pipeline.context import gather, with_context
from gennari.records import LabelSet, Section
from gennari.surface.ribbon import cut_ribbon

MIDDLE = 3501
SETTINGS = ContextSettings(length_mm=2.0, weight=0.5, reach_mm=0.2)


def _above(shape: tuple[int, int]) -> np.ndarray:
    """Pixels of the upper half of the 240 rows of 0.1 mm, which are hOc1; the others are hOc2."""
    return np.broadcast_to((np.arange(shape[0]) < 120)[:, None], shape)


def _said(section: Section, unsure: float = 0.45) -> Segmentation:
    """Outer sections know their areas; the middle one leans the wrong way a little, everywhere."""
    above = _above(section.shape_px)
    probabilities = np.zeros((4, *section.shape_px), np.float16)
    right = unsure if section.id == MIDDLE else 0.95
    probabilities[2] = np.where(above, right, 1 - right)
    probabilities[3] = 1 - probabilities[2]
    return Segmentation(probabilities=probabilities, labels=probabilities.argmax(axis=0).astype(np.uint8), tiles=1)


def _share_right(labels: np.ndarray, section: Section, brain) -> float:
    """Of cortex at least 3 mm from where the areas meet."""
    cortex = cut_ribbon(brain.hemispheres(), section, 100.0).cortex
    cortex[90:150] = False
    return float(((labels == 2) == _above(section.shape_px))[cortex].mean())


@pytest.fixture
def label_set(shell_dataset) -> LabelSet:
    return shell_dataset.label_set


def test_an_unsure_section_follows_what_its_neighbours_say_of_the_same_cortex(shell_dataset, label_set, ticks):
    brain = shell_dataset.brain("A")
    asked: list[int] = []

    def predict(section: Section) -> Segmentation:
        asked.append(section.id)
        return _said(section)

    found = with_context(brain, brain.sections, predict, 100.0, label_set, SETTINGS, ticks.append)
    assert asked == list(found) == [section.id for section in brain.sections]
    middle = brain.section(MIDDLE)
    assert _share_right(_said(middle).labels, middle, brain) < 0.05
    assert _share_right(found[MIDDLE], middle, brain) > 0.95
    for section in brain.sections:
        if section.id != MIDDLE:
            assert _share_right(found[section.id], section, brain) > 0.95
    assert [(tick.done, tick.total) for tick in ticks] == [(1, 3), (2, 3), (3, 3)]


def test_sections_that_have_spoken_may_be_told_in_several_ways(shell_dataset, label_set, ticks):
    brain = shell_dataset.brain("A")
    gathered = gather(brain, brain.sections, _said, 100.0, label_set, SETTINGS.reach_mm, ticks.append)
    for settings in (SETTINGS, SETTINGS.model_copy(update={"length_mm": 0.5, "weight": 0.1})):
        whole = with_context(brain, brain.sections, _said, 100.0, label_set, settings, ticks.append)
        for number, labels in gathered.maps(settings).items():
            np.testing.assert_array_equal(labels, whole[number])


def test_away_from_the_ribbon_and_without_weight_maps_stay(shell_dataset, label_set, ticks):
    brain = shell_dataset.brain("A")
    middle = brain.section(MIDDLE)
    cortex = cut_ribbon(brain.hemispheres(), middle, 100.0).cortex
    on_it = SETTINGS.model_copy(update={"reach_mm": 0.0})
    found = with_context(brain, brain.sections, _said, 100.0, label_set, on_it, ticks.append)[MIDDLE]
    np.testing.assert_array_equal(found[~cortex], _said(middle).labels[~cortex])
    assert (found != _said(middle).labels)[cortex].mean() > 0.9
    deaf = SETTINGS.model_copy(update={"weight": 0.0})
    unchanged = with_context(brain, brain.sections, _said, 100.0, label_set, deaf, ticks.append)
    np.testing.assert_array_equal(unchanged[MIDDLE], _said(middle).labels)


def test_what_a_section_calls_glass_stays_glass(shell_dataset, label_set, ticks):
    brain = shell_dataset.brain("A")

    def predict(section: Section) -> Segmentation:
        said = _said(section)
        if section.id != MIDDLE:
            return said
        probabilities = said.probabilities * np.float16(0.55)
        probabilities[0] = 0.45  # less than all of cortex together, more than any class of it on one half
        probabilities[:, :, 240:] = said.probabilities[:, :, 240:]
        return Segmentation(probabilities=probabilities, labels=probabilities.argmax(axis=0).astype(np.uint8), tiles=1)

    found = with_context(brain, brain.sections, predict, 100.0, label_set, SETTINGS, ticks.append)[MIDDLE]
    np.testing.assert_array_equal(found == 0, predict(brain.section(MIDDLE)).labels == 0)


def test_a_prediction_on_another_grid_is_refused(shell_dataset, label_set, ticks):
    brain = shell_dataset.brain("A")
    with pytest.raises(ValueError, match=r"on its section's grid \(120, 240\) at 200 µm, .* has \(240, 480\)"):
        with_context(brain, brain.sections, _said, 200.0, label_set, SETTINGS, ticks.append)


def test_no_sections_are_refused(shell_dataset, label_set, ticks):
    with pytest.raises(ValueError, match="at least one section"):
        with_context(shell_dataset.brain("A"), [], _said, 100.0, label_set, SETTINGS, ticks.append)
