"""Partial annotations: never wrong, never everything, whole pieces."""

import numpy as np

from gennari.phantom.annotate import partial_labels
from gennari.phantom.layers import LABEL_SET
from gennari.records import IGNORE


def _section() -> np.ndarray:
    labels = np.zeros((300, 400), np.uint8)
    labels[100:140] = 2
    labels[140:] = 1
    labels[100:140, 50:120] = 3
    labels[100:140, 120:200] = 4
    labels[100:140, 260:330] = 5
    return labels


def test_what_is_annotated_is_true(rng):
    labels = _section()
    partial = partial_labels(labels, 64.0, LABEL_SET, 0.5, rng)
    said = partial != IGNORE
    np.testing.assert_array_equal(partial[said], labels[said])


def test_every_piece_is_annotated_at_fraction_one_and_none_at_zero(rng):
    labels = _section()
    everything = partial_labels(labels, 64.0, LABEL_SET, 1.0, rng)
    nothing = partial_labels(labels, 64.0, LABEL_SET, 0.0, rng)
    for area in (3, 4, 5):
        assert (everything[labels == area] == area).all()
        assert (nothing[labels == area] == IGNORE).all()
    assert (everything == IGNORE).any()


def test_a_piece_is_annotated_whole_or_not_at_all(rng):
    labels = _section()
    seen = set()
    for _ in range(12):
        partial = partial_labels(labels, 64.0, LABEL_SET, 0.5, rng)
        for area in (3, 4, 5):
            said = (partial[labels == area] != IGNORE).mean()
            assert said in (0.0, 1.0)
            seen.add(said)
    assert seen == {0.0, 1.0}


def test_specks_are_not_annotated(rng):
    labels = _section()
    labels[110:112, 20:22] = 7
    assert (partial_labels(labels, 64.0, LABEL_SET, 1.0, rng)[labels == 7] == IGNORE).all()


def test_a_section_without_cortex_stays_unlabelled(rng):
    assert (partial_labels(np.zeros((40, 40), np.uint8), 64.0, LABEL_SET, 1.0, rng) == IGNORE).all()
