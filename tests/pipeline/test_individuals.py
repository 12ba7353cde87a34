"""Pre-training on several brains: the same number of pairs, each inside one brain, nothing seen that is held out."""

from collections.abc import Sequence

import numpy as np
import pytest

from gennari.data.patch_images import SectionImages
from gennari.errors import InputError
from gennari.pipeline.individuals import INDIVIDUALS, individuals_set
from gennari.pipeline.pretext_sets import PretextSet, set_of_run
from gennari.pipeline.sampling import sample_stage
from gennari.pipeline.section_store import Place
from gennari.pipeline.stages import Run, create_run

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def sampled(phantom, mini_recipes, tmp_path_factory) -> Run:
    """A run that has sampled its unlabelled brain."""
    run = create_run(tmp_path_factory.mktemp("individuals") / "run", phantom, mini_recipes[1])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("gennari.pipeline.sampling.usable_cores", lambda: 1)
        sample_stage(run, lambda tick: None)
    return run


@pytest.fixture(scope="module")
def train(sampled: Run) -> Sequence[Place]:
    """The first section of A and both of B."""
    a, b = (sampled.dataset.brain(name).sections for name in "AB")
    return [("A", a[0].id), *(("B", section.id) for section in b)]


@pytest.fixture(scope="module")
def found(sampled: Run, train) -> PretextSet:
    return individuals_set(sampled, train, lambda tick: None)


def test_all_brains_together_have_the_pairs_of_the_unlabelled_one_shared_evenly(sampled, found):
    alone = len(set_of_run(sampled).train)
    assert alone - alone // 3 < len(found.train) <= alone
    brains = found.patches.brain[found.train.first]
    counts = {str(name): int((brains == name).sum()) for name in np.unique(brains)}
    assert set(counts) == {"P", "A", "B"}
    assert counts["A"] == counts["B"] == alone // 3


def test_pairs_stay_inside_brain_hemisphere_and_split(found):
    patches = found.patches
    for pairs, part in ((found.train, "train"), (found.held_out, "test")):
        for name in ("brain", "side", "split"):
            column = getattr(patches, name)
            np.testing.assert_array_equal(column[pairs.first], column[pairs.second])
        assert set(patches.split[pairs.first]) == {part}


def test_only_the_given_sections_of_labelled_brains_are_seen(found, train):
    patches = found.patches
    labelled = patches.brain != "P"
    seen = {(str(b), int(s)) for b, s in zip(patches.brain[labelled], patches.section[labelled], strict=True)}
    assert seen == set(train)


def test_held_out_pairs_are_those_of_the_unlabelled_brain_row_by_row(sampled, found):
    main = set_of_run(sampled)
    np.testing.assert_array_equal(found.held_out.distance_mm, main.held_out.distance_mm)
    for name in ("brain_mm", "inflated_mm", "section"):
        there, here = getattr(main.patches, name), getattr(found.patches, name)
        np.testing.assert_array_equal(here[found.held_out.first], there[main.held_out.first])
        np.testing.assert_array_equal(here[found.held_out.second], there[main.held_out.second])


def test_each_image_is_the_one_that_its_row_names(sampled, found):
    texture = sampled.experiment.texture
    sections = [section for brain in sampled.dataset.brains() for section in brain.sections]
    plain = SectionImages(
        patches=found.patches, sections=sections, open_reader=sampled.dataset.open_reader,
        side_px=texture.patch_px, spacing_um=texture.spacing_um,
    )  # fmt: skip
    assert len(found.images) == len(found.patches)
    rows = np.arange(len(found.patches))
    np.testing.assert_array_equal(found.images.read(rows), plain.read(rows))


def test_coordinates_are_places_on_the_unlabelled_brains_inflated_surface(sampled, found):
    reference = sampled.dataset.brain("P").hemispheres()
    patches = found.patches
    for row in range(0, len(patches), 5):
        hemisphere = reference[patches.side[row]]
        corners = hemisphere.mirrored_inflated_mm[hemisphere.pial.faces[patches.face[row]]]
        np.testing.assert_allclose(patches.inflated_mm[row], patches.weights[row] @ corners, atol=1e-3)


def test_a_set_is_sampled_once(sampled, found, train, monkeypatch):
    def refused(*_: object, **__: object) -> None:
        raise AssertionError("sampled again")

    monkeypatch.setattr("gennari.pipeline.individuals.sample_brain", refused)
    again = individuals_set(sampled, list(reversed(train)), lambda tick: None)
    np.testing.assert_array_equal(again.train.first, found.train.first)
    np.testing.assert_array_equal(again.train.distance_mm, found.train.distance_mm)


def test_a_brain_that_is_left_out_is_not_seen_and_the_others_share_its_part(sampled, found, train):
    alone = len(set_of_run(sampled).train)
    part = individuals_set(sampled, train, lambda tick: None, without="A")
    assert set(part.patches.brain) == {"P", "B"}
    brains = part.patches.brain[part.train.first]
    assert (brains == "B").sum() == alone // 2
    assert len(list(sampled.path(INDIVIDUALS).iterdir())) == 2
    assert len(found.train) <= alone
    assert len(part.train) <= alone


def test_only_labelled_brains_can_be_left_out(sampled, train):
    with pytest.raises(InputError, match=r"leaves one of the labelled brains out \(A, B, C, D\), got 'P'"):
        individuals_set(sampled, train, lambda tick: None, without="P")


def test_no_section_of_another_brain_is_no_set_of_individuals(sampled, train):
    with pytest.raises(InputError, match="got none; give some"):
        individuals_set(sampled, [], lambda tick: None)
    with pytest.raises(InputError, match="got none but those of A"):
        individuals_set(sampled, train[:1], lambda tick: None, without="A")
