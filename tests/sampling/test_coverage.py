import numpy as np
import pytest

from gennari.errors import InputError
from gennari.frames import coronal
from gennari.records import Section
from gennari.sampling.coverage import Missing, fullest_split, missing_areas
from gennari.sampling.split import Split, SplitSettings, split_sections


def sections(n):
    return [
        Section(brain="P", id=40 * i, spacing_um=32.0, shape_px=(10, 10), to_brain=coronal(-70 + 0.8 * i, 0.0, 0.0))
        for i in range(n)
    ]


SECTIONS = sections(72)


def test_an_area_is_missing_from_a_part_in_which_no_section_shows_it():
    split: dict[int, Split] = {1: "train", 2: "train", 3: "val", 4: "test", 5: "guard"}
    classes = {1: {0, 3}, 2: {4}, 3: {3, 4}, 4: {4}, 5: {3, 4, 5}}
    # 3 is shown beside the test part only by a guard section, which nobody uses; 5 by that one alone
    expected = [Missing("train", 5), Missing("val", 5), Missing("test", 3), Missing("test", 5)]
    assert missing_areas(split, classes, (3, 4, 5)) == expected
    assert missing_areas(split, classes, (4,)) == []


def test_a_section_that_nobody_annotated_shows_nothing():
    assert missing_areas({1: "train", 2: "test"}, {1: {3}}, (3,)) == [Missing("test", 3)]


def test_a_part_the_split_does_not_have_misses_nothing():
    assert missing_areas({1: "train", 2: "test"}, {1: {3}, 2: {3}}, (3,)) == []


def _shown(*stretches: tuple[int, int, int]) -> dict[int, set[int]]:
    """Classes by section of SECTIONS: class, first and last section that shows it."""
    found: dict[int, set[int]] = {section.id: set() for section in SECTIONS}
    for index, first, last in stretches:
        for i in range(first, last + 1):
            found[40 * i].add(index)
    return found


def test_one_draw_is_the_split_as_it_was():
    settings = SplitSettings()
    fullest = fullest_split(SECTIONS, {}, (3,), settings, np.random.default_rng(4), 1.6)
    assert fullest == split_sections(SECTIONS, settings, np.random.default_rng(4), 1.6)


def test_of_many_draws_one_is_taken_that_misses_nothing():
    # two short areas, each of which must meet a run of every kind; few single draws do
    classes, areas = _shown((3, 0, 33), (4, 36, 71), (5, 20, 50)), (3, 4, 5)
    settings = SplitSettings(blocks=2, test_share=1 / 12, val_share=1 / 12)
    alone = [
        len(missing_areas(split_sections(SECTIONS, settings, np.random.default_rng(seed), 0.0), classes, areas))
        for seed in range(40)
    ]
    assert max(alone) > 0
    unlucky = int(np.argmax(alone))
    many = settings.model_copy(update={"draws": 60})
    split = fullest_split(SECTIONS, classes, areas, many, np.random.default_rng(unlucky), 0.0)
    assert missing_areas(split, classes, areas) == []
    # the law of blocks is kept: two runs of three sections each
    order = [split[40 * i] for i in range(72)]
    for kind in ("test", "val"):
        assert order.count(kind) == 6
        assert sum(order[i] == kind and (i == 0 or order[i - 1] != kind) for i in range(72)) == 2


def test_what_one_section_alone_shows_must_be_missing_from_the_other_parts():
    settings = SplitSettings(draws=30)
    classes = _shown((3, 0, 71), (4, 40, 40))
    split = fullest_split(SECTIONS, classes, (3, 4), settings, np.random.default_rng(0), 0.0)
    found = missing_areas(split, classes, (3, 4))
    assert len(found) == 2
    assert {area for _, area in found} == {4}
    assert split[1600] not in {part for part, _ in found}


def test_of_draws_some_may_be_refused_but_not_all():
    # with this guard some draws leave nothing to train on
    eight = sections(8)
    settings = SplitSettings(blocks=1, test_share=1 / 8, val_share=1 / 8)
    refused = []
    for seed in range(12):
        try:
            split_sections(eight, settings, np.random.default_rng(seed), 1.6)
        except InputError:
            refused.append(seed)
    assert 0 < len(refused) < 12
    many = settings.model_copy(update={"draws": 20})
    for seed in refused:
        split = fullest_split(eight, {}, (3,), many, np.random.default_rng(seed), 1.6)
        assert {"train", "val", "test"} <= set(split.values())
    hopeless = SplitSettings(draws=5)
    with pytest.raises(InputError, match=r"train.* came out empty"):
        fullest_split(SECTIONS, {}, (3,), hopeless, np.random.default_rng(0), 40.0)
