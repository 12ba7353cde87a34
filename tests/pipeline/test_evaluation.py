"""Measuring: majority truth, the atlas alone, pooled Dice and the interval of the gain."""

from itertools import product

import numpy as np
import pytest

from gennari.metrics.overlap import dice_per_class
from gennari.pipeline.atlas_alone import atlas_labels
from gennari.pipeline.evaluation import (
    METHODS,
    SectionScore,
    Summary,
    gain_interval,
    read_confusions,
)
from gennari.pipeline.maps import map_path
from gennari.pipeline.references import true_map
from gennari.pipeline.sampling import sections_of
from gennari.records import LabelSet
from gennari.sources.dataset import open_dataset
from gennari.sources.documents import read_json
from gennari.sources.sections import read_labels
from gennari.sources.tables import read_rows

LABELS = LabelSet(
    names=("background", "white matter", "other cortex", "one", "two"), colours=("#000000",) * 5, first_area=3
)


@pytest.fixture(scope="module")
def brain(phantom):
    return open_dataset(phantom).brain("B")


def test_the_atlas_alone_is_off_on_background_and_white_matter_by_the_registration_only(brain):
    hemispheres, atlas = brain.hemispheres(), brain.atlas()
    for section in brain.sections:
        truth = brain.truth(section.id)
        found = atlas_labels(section, hemispheres, atlas, brain.label_set, truth.spacing_um)
        for tissue in (0, 1):
            assert ((found == tissue) != (truth.labels == tissue)).mean() < 0.02
        cortex = truth.labels >= 2
        assert 0.3 < (found[cortex] == truth.labels[cortex]).mean() < 1


def test_an_atlas_that_says_nothing_leaves_other_cortex(brain):
    section, hemispheres = brain.sections[0], brain.hemispheres()
    empty = tuple(np.zeros((len(h.pial.vertices_mm), 13), np.float32) for h in hemispheres)
    found = atlas_labels(section, hemispheres, (empty[0], empty[1]), brain.label_set, 256.0)
    assert set(np.unique(found)) == {0, 1, 2}


def test_an_atlas_that_is_certain_is_followed(brain):
    section, hemispheres = brain.sections[0], brain.hemispheres()
    certain = []
    for area, hemisphere in zip((4, 7), hemispheres, strict=True):
        certain.append(np.zeros((len(hemisphere.pial.vertices_mm), 13), np.float32))
        certain[-1][:, area] = 1.0
    found = atlas_labels(section, hemispheres, (certain[0], certain[1]), brain.label_set, 256.0)
    assert set(np.unique(found)) == {0, 1, 3 + 4, 3 + 7}


def _counts(*hits: tuple[int, int]) -> np.ndarray:
    """A section on which `right` pixels of area one were found and `wrong` were called area two."""
    sections = np.zeros((len(hits), 5, 5), int)
    for k, (right, wrong) in enumerate(hits):
        sections[k, 3, 3], sections[k, 3, 4], sections[k, 4, 4] = right, wrong, 10
    return sections


def test_equal_networks_have_no_gain(rng):
    same = _counts((5, 5), (8, 2), (3, 7))
    assert gain_interval({"baseline": same, "pretrained": same}, LABELS, rng) == (0.0, 0.0)


def test_a_network_that_is_always_right_gains_all_that_one_always_wrong_lacks(rng):
    wrong, right = np.zeros((3, 5, 5), int), np.zeros((3, 5, 5), int)
    wrong[:, 3, 4] = wrong[:, 4, 3] = 10
    right[:, 3, 3] = right[:, 4, 4] = 10
    assert gain_interval({"baseline": wrong, "pretrained": right}, LABELS, rng) == (1.0, 1.0)
    assert gain_interval({"baseline": right, "pretrained": wrong}, LABELS, rng) == (-1.0, -1.0)


def test_the_interval_of_two_sections_spans_all_that_can_be_drawn(rng):
    before, after = _counts((2, 8), (5, 5)), _counts((9, 1), (6, 4))

    def dice(counts: np.ndarray) -> float:
        one = 2 * counts[3, 3] / (counts[3].sum() + counts[:, 3].sum())
        two = 2 * counts[4, 4] / (counts[4].sum() + counts[:, 4].sum())
        return (one + two) / 2

    # each of the four draws has a chance of a quarter, far above 2.5 %
    gains = [dice(after[list(d)].sum(axis=0)) - dice(before[list(d)].sum(axis=0)) for d in product((0, 1), repeat=2)]
    low, high = gain_interval({"baseline": before, "pretrained": after}, LABELS, rng)
    assert (low, high) == pytest.approx((min(gains), max(gains)))


def test_saved_confusions_and_scores_are_those_of_the_saved_maps(finished):
    confusions, rows = read_confusions(finished), read_rows(finished.path("metrics.parquet"))
    scores = {(row["method"], row["brain"], row["section"]): SectionScore(**row) for row in rows}
    places = [(name, section) for name, part in sections_of(finished, "test").items() for section in part]
    assert len(scores) == len(METHODS) * len(places)
    for k, (name, section) in enumerate(places):
        labels, spacing_um = read_labels(map_path(finished, "pretrained", name, section.id))
        truth = true_map(finished.dataset.brain(name), section.id, spacing_um)
        counts = np.zeros((16, 16), int)
        np.add.at(counts, (truth.ravel(), labels.ravel()), 1)
        np.testing.assert_array_equal(confusions["pretrained"][k], counts)
        score = scores["pretrained", name, section.id]
        assert score.wrong_share == pytest.approx((truth != labels).mean())
        assert score.area_mm2 == pytest.approx(truth.size * (spacing_um / 1000) ** 2)


def test_the_summary_pools_dice_and_averages_the_rest(finished):
    summary = read_json(finished.path("summary.json"), Summary)
    confusions, rows = read_confusions(finished), read_rows(finished.path("metrics.parquet"))
    assert set(summary.methods) == set(METHODS)
    for method, saved in summary.methods.items():
        pooled = dice_per_class(confusions[method].sum(axis=0))
        assert saved.dice == pytest.approx(np.nanmean(pooled[3:]))
        ours = [row for row in rows if row["method"] == method]
        assert saved.err_seg == pytest.approx(np.mean([row["err_seg"] for row in ours]))
        assert saved.pixel_distance_um == pytest.approx(np.mean([row["pixel_distance_um"] for row in ours]))
    assert summary.sections == len(rows) // len(METHODS)
    gain = summary.methods["pretrained"].dice - summary.methods["baseline"].dice
    assert summary.dice_gain_low - 1e-9 <= gain <= summary.dice_gain_high + 1e-9
