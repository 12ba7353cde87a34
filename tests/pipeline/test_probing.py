"""Which places a probe learns from, and what is cut there."""

import numpy as np

from gennari.pipeline.probing import drawn_places, patches_at
from gennari.records import BACKGROUND_GREY, IGNORE


def test_each_class_gives_at_most_so_many_places_and_ignored_pixels_none() -> None:
    labels = np.full((20, 20), IGNORE, np.uint8)
    labels[:10, :10], labels[10:12, 0], labels[15, 15] = 3, 4, 1
    at = drawn_places(labels, first=2, rng=np.random.default_rng(0), per_class=5)
    found = labels[at[:, 0], at[:, 1]]
    assert (np.bincount(found, minlength=5) == [0, 0, 0, 5, 2]).all()
    assert len(np.unique(at, axis=0)) == len(at)


def test_no_cortex_gives_no_place() -> None:
    assert drawn_places(np.zeros((4, 4), np.uint8), first=2, rng=np.random.default_rng(0)).shape == (0, 2)


def test_a_cut_is_the_square_around_its_centre() -> None:
    image = np.arange(100, dtype=np.uint8).reshape(10, 10)
    (cut,) = patches_at(image, np.array([[5.0, 4.0]]), 4)
    assert (cut == image[3:7, 2:6]).all()


def test_beyond_the_image_is_background() -> None:
    image = np.zeros((10, 10), np.uint8)
    cuts = patches_at(image, np.array([[0.0, 0.0], [10.0, 10.0], [-40.0, 5.0]]), 4)
    assert (cuts[0, :2] == BACKGROUND_GREY).all()
    assert (cuts[0, 2:, 2:] == 0).all()
    assert (cuts[1, 2:] == BACKGROUND_GREY).all()
    assert (cuts[1, :2, :2] == 0).all()
    assert (cuts[2] == BACKGROUND_GREY).all()
