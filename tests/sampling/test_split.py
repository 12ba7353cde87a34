from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError

from gennari.errors import InputError
from gennari.frames import coronal
from gennari.records import Section
from gennari.sampling.split import SplitSettings, position_mm, split_sections

PATCH_MM = 1.6


def sections(n=72, step_mm=0.8, brain="P"):
    return [
        Section(
            brain=brain, id=40 * i, spacing_um=32.0, shape_px=(10, 10), to_brain=coronal(-70 + step_mm * i, 0.0, 0.0)
        )
        for i in range(n)
    ]


SECTIONS = sections()


def test_position_of_a_coronal_section_is_its_y():
    assert position_mm(SECTIONS[3]) == pytest.approx(-67.6)


@pytest.mark.parametrize("patch_mm", [0.5, 1.6, 2.04, 3.072])
@pytest.mark.parametrize("seed", range(4))
def test_blocks_are_runs_and_no_trained_section_is_within_a_patch_of_a_held_out_one(seed, patch_mm):
    split = split_sections(SECTIONS, SplitSettings(), np.random.default_rng(seed), patch_mm)
    where = {kind: [i * 0.8 / 40 for i, k in split.items() if k == kind] for kind in ("train", "val", "test")}
    for a, b in (("train", "test"), ("train", "val"), ("val", "test")):
        assert min(abs(x - y) for x in where[a] for y in where[b]) > patch_mm
    order = [split[40 * i] for i in range(72)]
    starts = sum(order[i] == "test" and (i == 0 or order[i - 1] != "test") for i in range(72))
    assert (starts, Counter(order)["test"]) == (2, 12)


def test_the_guard_is_as_wide_as_is_asked_in_sides_of_a_patch():
    for guard, patch_mm in ((1.5, 2.0), (3.0, 1.0)):
        settings = SplitSettings(guard_patches=guard, blocks=1, val_share=0)
        split = split_sections(SECTIONS, settings, np.random.default_rng(0), patch_mm)
        order = [split[40 * i] for i in range(72)]
        first = order.index("test")
        last = 71 - order[::-1].index("test")
        # sections stand 0.8 mm apart: those at 0.8, 1.6 and 2.4 mm are nearer than 3 mm
        assert order[first - 4 : first] == ["train", "guard", "guard", "guard"]
        assert order[last + 1 : last + 5] == ["guard", "guard", "guard", "train"]


def test_a_guard_no_wider_than_a_patch_is_refused():
    with pytest.raises(ValidationError, match="greater than 1"):
        SplitSettings(guard_patches=1.0)


def test_another_seed_draws_other_runs():
    found = {str(split_sections(SECTIONS, SplitSettings(), np.random.default_rng(i), PATCH_MM)) for i in range(8)}
    assert len(found) > 4


def test_without_guard_and_val_everything_is_train_or_test(rng):
    split = split_sections(SECTIONS, SplitSettings(val_share=0, test_share=0.25), rng, 0.0)
    assert Counter(split.values()) == {"train": 54, "test": 18}


def test_the_order_of_the_sections_does_not_matter(rng):
    shuffled = [SECTIONS[i] for i in rng.permutation(72)]
    one, other = (
        split_sections(given, SplitSettings(), np.random.default_rng(1), PATCH_MM) for given in (shuffled, SECTIONS)
    )
    assert one == other


def test_paper_tests_every_twelfth(rng):
    split = split_sections(SECTIONS, SplitSettings(kind="paper"), rng, PATCH_MM)
    tested = [i // 40 for i, kind in split.items() if kind == "test"]
    assert len(tested) == 6
    assert set(np.diff(tested)) == {12}
    assert set(split.values()) == {"train", "test"}
    every = split_sections(SECTIONS, SplitSettings(kind="paper", every=4), rng, PATCH_MM)
    assert Counter(every.values()) == {"test": 18, "train": 54}


def test_leaving_one_brain_out_tests_all_of_it_and_none_of_the_others(rng):
    settings = SplitSettings(kind="lobo", held_out="D", val_share=1 / 8)
    assert set(split_sections(sections(brain="D"), settings, rng, PATCH_MM).values()) == {"test"}
    other = split_sections(sections(brain="A"), settings, rng, PATCH_MM)
    # two val runs of 4 or 5 sections, each with two guards of 0.8 mm steps on both sides
    assert Counter(other.values())["val"] == 8
    assert set(other.values()) == {"train", "val", "guard"}
    at = {kind: [i * 0.8 / 40 for i, k in other.items() if k == kind] for kind in ("train", "val")}
    assert min(abs(x - y) for x in at["train"] for y in at["val"]) > PATCH_MM
    without = settings.model_copy(update={"val_share": 0.0})
    assert set(split_sections(sections(brain="A"), without, rng, PATCH_MM).values()) == {"train"}


@pytest.mark.parametrize("given", [{"kind": "lobo"}, {"held_out": "D"}, {"kind": "paper", "held_out": "D"}])
def test_leave_one_brain_out_and_the_brain_it_leaves_out_need_each_other(given):
    with pytest.raises(ValidationError, match="need each other"):
        SplitSettings(**given)


@pytest.mark.parametrize(
    ("n", "settings", "patch_mm", "match"),
    [
        (72, SplitSettings(), 40.0, "train.* came out empty"),
        (4, SplitSettings(blocks=2), 1.6, "cannot hold 1 test and 1 val"),
        (8, SplitSettings(kind="paper"), 1.6, "every 12th section takes as many, got 8"),
        (0, SplitSettings(), 1.6, "needs sections, got none"),
    ],
)
def test_a_split_that_cannot_be_is_refused(n, settings, patch_mm, match, rng):
    with pytest.raises(InputError, match=match):
        split_sections(sections(n), settings, rng, patch_mm)


def test_two_brains_are_refused(rng):
    with pytest.raises(ValueError, match="one split is of one brain"):
        split_sections(sections(12) + sections(12, brain="A"), SplitSettings(), rng, PATCH_MM)


def test_unknown_settings_are_refused():
    with pytest.raises(ValidationError):
        SplitSettings.model_validate({"guard": 3})
