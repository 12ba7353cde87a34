from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError

from gennari.errors import InputError
from gennari.frames import coronal
from gennari.records import Section
from gennari.sampling.split import SplitSettings, position_mm, split_sections


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


@pytest.mark.parametrize("seed", range(8))
def test_blocks_are_runs_and_no_trained_section_is_nearer_than_the_guard(seed):
    settings = SplitSettings(guard_mm=1.7)
    split = split_sections(SECTIONS, settings, np.random.default_rng(seed))
    where = {kind: [i * 0.8 / 40 for i, k in split.items() if k == kind] for kind in ("train", "val", "test")}
    for a, b in (("train", "test"), ("train", "val"), ("val", "test")):
        assert min(abs(x - y) for x in where[a] for y in where[b]) >= 1.7 - 1e-6
    order = [split[40 * i] for i in range(72)]
    starts = sum(order[i] == "test" and (i == 0 or order[i - 1] != "test") for i in range(72))
    assert (starts, Counter(order)["test"]) == (2, 12)


def test_another_seed_draws_other_runs():
    assert len({str(split_sections(SECTIONS, SplitSettings(), np.random.default_rng(i))) for i in range(8)}) > 4


def test_without_guard_and_val_everything_is_train_or_test(rng):
    split = split_sections(SECTIONS, SplitSettings(guard_mm=0, val_share=0, test_share=0.25), rng)
    assert Counter(split.values()) == {"train": 54, "test": 18}


def test_the_order_of_the_sections_does_not_matter(rng):
    settings = SplitSettings()
    shuffled = [SECTIONS[i] for i in rng.permutation(72)]
    assert split_sections(shuffled, settings, np.random.default_rng(1)) == split_sections(
        SECTIONS, settings, np.random.default_rng(1)
    )


def test_paper_tests_every_twelfth(rng):
    split = split_sections(SECTIONS, SplitSettings(kind="paper"), rng)
    tested = [i // 40 for i, kind in split.items() if kind == "test"]
    assert len(tested) == 6
    assert set(np.diff(tested)) == {12}
    assert set(split.values()) == {"train", "test"}


@pytest.mark.parametrize(
    ("n", "settings", "match"),
    [
        (72, SplitSettings(guard_mm=40), "train.* came out empty"),
        (4, SplitSettings(blocks=2), "cannot hold 1 test and 1 val"),
        (8, SplitSettings(kind="paper"), "every 12th section takes as many, got 8"),
        (0, SplitSettings(), "needs sections, got none"),
    ],
)
def test_a_split_that_cannot_be_is_refused(n, settings, match, rng):
    with pytest.raises(InputError, match=match):
        split_sections(sections(n), settings, rng)


def test_two_brains_are_refused(rng):
    with pytest.raises(ValueError, match="one split is of one brain"):
        split_sections(sections(12) + sections(12, brain="A"), SplitSettings(), rng)


def test_unknown_settings_are_refused():
    with pytest.raises(ValidationError):
        SplitSettings.model_validate({"guard": 3})
