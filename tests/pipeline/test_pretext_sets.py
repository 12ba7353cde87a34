"""Patches of each pre-training: a part of the pairs, exchanged images, the labelled brains' own."""

import numpy as np
import pytest

from gennari.data.patch_images import ImagesInMemory
from gennari.pipeline.pretext_sets import Exchanged, few, patches_in, transductive_set
from gennari.records import PairTable
from gennari.sampling.pairs import by_source


@pytest.fixture
def pairs() -> PairTable:
    """Ten sources of twelve pairs each; some patches meet two sources."""
    hubs = np.repeat(np.arange(10), 12)
    others = 10 + np.arange(120) % 100
    return PairTable(first=hubs.astype(np.int32), second=others.astype(np.int32), distance_mm=np.arange(120.0))


def test_few_keeps_whole_sources_until_there_are_enough_patches(pairs: PairTable, rng: np.random.Generator) -> None:
    part = few(pairs, 30, 110, rng)
    assert patches_in(part) >= 30
    source, _ = by_source(pairs.first, pairs.second, 110)
    kept = np.isin(source, np.unique(part.first))
    np.testing.assert_array_equal(part.distance_mm, pairs.distance_mm[kept])
    fewer = np.unique(part.first)[:-1]
    assert len(fewer) * 13 < 30 + 13  # one source less would not have been enough, but for patches that meet twice


def test_few_is_another_part_for_another_seed_and_all_where_more_is_asked_for(pairs: PairTable) -> None:
    one, other = (few(pairs, 30, 110, np.random.default_rng(seed)) for seed in (0, 1))
    assert set(one.first.tolist()) != set(other.first.tolist())
    assert len(few(pairs, 1000, 110, np.random.default_rng(0))) == len(pairs)


def test_exchanged_images_are_the_same_images_elsewhere_and_others_stay(rng: np.random.Generator) -> None:
    images = ImagesInMemory(images=np.arange(20, dtype=np.uint8)[:, None, None] * np.ones((1, 4, 4), np.uint8))
    rows = np.arange(5, 20)
    exchanged = Exchanged.among(images, rows, rng)
    seen = exchanged.read(np.arange(20))[:, 0, 0]
    np.testing.assert_array_equal(seen[:5], np.arange(5))
    np.testing.assert_array_equal(np.sort(seen[5:]), rows)
    assert (seen[5:] != rows).sum() > 10
    assert (len(exchanged), exchanged.side_px) == (20, 4)


@pytest.mark.slow
def test_the_transductive_set_sees_all_sections_of_all_labelled_brains_and_pairs_stay_inside_one(fresh, ticks) -> None:
    found = transductive_set(fresh, ticks.append)
    seen = {(str(b), int(s)) for b, s in zip(found.patches.brain, found.patches.section, strict=True)}
    labelled = [brain for brain in fresh.dataset.brains() if brain.manifest.role == "labelled"]
    assert {brain for brain, _ in seen} == {brain.name for brain in labelled}
    assert seen <= {(brain.name, section.id) for brain in labelled for section in brain.sections}
    brain, side = found.patches.brain, found.patches.side
    assert (brain[found.train.first] == brain[found.train.second]).all()
    assert (side[found.train.first] == side[found.train.second]).all()
    assert found.held_out is None
    assert len(found.images) == len(found.patches) == len(brain)
    again = transductive_set(fresh, ticks.append)
    np.testing.assert_array_equal(again.train.distance_mm, found.train.distance_mm)
    np.testing.assert_array_equal(again.images.read(np.arange(3)), found.images.read(np.arange(3)))
