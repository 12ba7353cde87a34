"""Sections of a run that are worth annotating, told from annotations, maps and atlas on disk."""

import numpy as np
import pytest
import shapely

from gennari.errors import InputError
from gennari.pipeline.learning import VARIANTS
from gennari.pipeline.maps import MODEL, probabilities_path
from gennari.pipeline.stages import Run, create_run
from gennari.pipeline.suggestions import candidates_of, suggestion_words, suggestions, unsure
from gennari.sources.annotations import Annotated, write_annotation
from gennari.sources.atlas import write_atlas
from gennari.sources.dataset import annotation_path, write_brain_manifest
from gennari.sources.probabilities import write_probabilities

FIRST, MIDDLE, LAST = 3401, 3501, 3601


@pytest.fixture
def run(shell_dataset, shells, mini_recipes, tmp_path) -> Run:
    """Brain A, whose atlas has hOc1 above and hOc2 below; on its first section hOc1 is annotated."""
    brain = shell_dataset.brain("A")
    atlas = []
    for hemisphere in shells:
        above = hemisphere.pial.vertices_mm[:, 2] > 0
        atlas.append(np.stack([above, ~above], axis=1).astype(np.float32))
    write_atlas(brain.folder / "atlas", atlas, shell_dataset.label_set)
    write_brain_manifest(shell_dataset.root, brain.manifest.model_copy(update={"atlas": True}))
    write_annotation(
        annotation_path(brain.folder, FIRST), [Annotated(2, shapely.box(20, 20, 60, 60))], shell_dataset.label_set
    )
    return create_run(tmp_path / "run", shell_dataset.root, mini_recipes[1])


def _mapped(run: Run, section: int, certain: float, variant: str = MODEL) -> None:
    """All cortex, the two areas being as certain as that."""
    shares = np.zeros((4, 60, 120))
    shares[2], shares[3] = certain, 1 - certain
    write_probabilities(probabilities_path(run, variant, "A", section), shares, 400.0, run.dataset.label_set)


def test_the_farther_section_comes_first_and_says_why(run, ticks):
    first, second = suggestions(run, 5, ticks.append)
    assert (first.section, first.rank, second.section, second.rank) == (MIDDLE, 1, LAST, 2)
    assert first.new_areas == ("hOc2",)
    assert first.reason == "2.0 mm from the nearest annotated one; no map with probabilities; shows hOc2, annotated " \
        "nowhere yet"  # fmt: skip
    assert (second.nearest_mm, second.new_areas, second.uncertainty) == (2.0, (), None)
    assert [(tick.done, tick.total) for tick in ticks] == [(1, 3), (2, 3), (3, 3)]


def test_the_unsure_section_comes_first(run):
    _mapped(run, MIDDLE, 1.0)
    _mapped(run, LAST, 0.5)
    first, second = suggestions(run, 5, lambda tick: None)
    assert (first.section, second.section) == (LAST, MIDDLE)
    assert first.uncertainty == pytest.approx(0.5, abs=0.01)  # one bit of the two that four classes have
    assert second.uncertainty == 0
    assert "its map is unsure by 0.50 (mean 0.25)" in first.reason


def test_maps_of_the_run_itself_serve_as_well_as_those_of_a_model(run):
    _mapped(run, LAST, 0.5, VARIANTS[1])
    candidates = candidates_of(run, run.dataset.brain("A"), lambda tick: None)
    np.testing.assert_allclose(candidates.uncertainty, [np.nan, np.nan, 0.5], atol=0.01)


def test_the_atlas_says_which_areas_a_section_shows(run):
    candidates = candidates_of(run, run.dataset.brain("A"), lambda tick: None)
    assert candidates.shows.all()
    assert candidates.covered.tolist() == [True, False]
    assert candidates.annotated.tolist() == [True, False, False]


def test_poor_sections_are_passed_over(run):
    brain = run.dataset.brain("A")
    entries = tuple(entry.model_copy(update={"quality": "poor"}) for entry in brain.manifest.sections)
    write_brain_manifest(run.dataset.root, brain.manifest.model_copy(update={"sections": entries}))
    assert (
        suggestion_words(suggestions(run, 5, lambda tick: None)) == "every section that may be suggested is annotated"
    )


def test_unsure_is_the_entropy_of_pixels_on_cortex_alone(run):
    shares = np.array([[0.6, 0.0, 0.1], [0.4, 0.0, 0.1], [0.0, 1.0, 0.4], [0.0, 0.0, 0.4]])
    entropy = -sum(p * np.log(p) for p in (0.1, 0.1, 0.4, 0.4)) / np.log(4)
    assert unsure(shares, run.dataset.label_set) == pytest.approx((0 + entropy) / 2)
    assert unsure(255 * shares, run.dataset.label_set) == pytest.approx((0 + entropy) / 2)
    assert unsure(shares[:, :1] * [[1], [0], [0], [0]], run.dataset.label_set) == 0


def test_words_name_brain_rank_and_section(run):
    lines = suggestion_words(suggestions(run, 1, lambda tick: None)).splitlines()
    assert lines[0] == "brain A"
    assert lines[1].startswith("  1. section 3501")


@pytest.mark.parametrize(
    ("count", "brain", "sentence"),
    [(0, None, "at least one section can be suggested, got 0"), (1, "X", "has the brains A, but not 'X'")],
)
def test_what_cannot_be_suggested_is_refused(run, count, brain, sentence):
    with pytest.raises(InputError, match=sentence):
        suggestions(run, count, lambda tick: None, brain)


def test_a_data_set_without_labelled_brains_needs_a_name(run):
    brain = run.dataset.brain("A")
    write_brain_manifest(run.dataset.root, brain.manifest.model_copy(update={"role": "pretext"}))
    with pytest.raises(InputError, match="brains whose role is 'labelled', but shells has none"):
        suggestions(run, 1, lambda tick: None)
    assert len(suggestions(run, 1, lambda tick: None, "A")) == 1
