import numpy as np
import pytest

from gennari.data.augmentation import Augmentation
from gennari.data.pixels import Normalisation
from gennari.data.prepare import normalise, prepared

UNIT = Normalisation(mean=0.0, std=1 / 255)


def test_without_augmentation_images_are_only_normalised(rng: np.random.Generator):
    images = rng.integers(0, 256, (5, 6, 7), dtype=np.uint8)
    out, mirrored = prepared(images, Normalisation(mean=0.527, std=0.183), Augmentation(), rng)
    np.testing.assert_allclose(out, (images / 255 - 0.527) / 0.183, atol=1e-5)
    assert out.dtype == np.float32
    assert not mirrored.any()
    np.testing.assert_allclose(normalise(images, Normalisation(mean=0.527, std=0.183)), out, atol=1e-6)


def test_mirroring_turns_columns_of_some_images(rng: np.random.Generator):
    images = rng.integers(0, 256, (200, 4, 5), dtype=np.uint8)
    out, mirrored = prepared(images, UNIT, Augmentation(mirror=0.3), rng)
    assert 0.2 < mirrored.mean() < 0.4
    np.testing.assert_allclose(out[mirrored], images[mirrored][..., ::-1], atol=1e-3)
    np.testing.assert_allclose(out[~mirrored], images[~mirrored], atol=1e-3)


def test_gain_multiplies_the_staining_and_leaves_glass_alone(rng: np.random.Generator):
    images = np.tile(np.array([255, 155], np.uint8), (500, 1, 1))
    out, _ = prepared(images, UNIT, Augmentation(gain=0.25), rng)
    factor = (255 - out[:, 0, 1]) / 100
    np.testing.assert_allclose(out[:, 0, 0], 255, atol=1e-3)
    assert factor.min() == pytest.approx(0.8, abs=0.01)
    assert factor.max() == pytest.approx(1.25, abs=0.01)
    assert np.median(factor) == pytest.approx(1, abs=0.02)


def test_gamma_bends_brightness_and_keeps_its_ends(rng: np.random.Generator):
    images = np.tile(np.array([0, 100, 255], np.uint8), (500, 1, 1))
    out, _ = prepared(images, UNIT, Augmentation(gamma=0.5), rng)
    np.testing.assert_allclose(out[:, 0, [0, 2]], np.tile([0, 255], (500, 1)), atol=1e-3)
    exponent = np.log(out[:, 0, 1] / 255) / np.log(100 / 255)
    assert exponent.min() == pytest.approx(1 / 1.5, abs=0.02)
    assert exponent.max() == pytest.approx(1.5, abs=0.02)


def test_values_stay_grey_values(rng: np.random.Generator):
    images = rng.integers(0, 256, (50, 4, 4), dtype=np.uint8)
    out, _ = prepared(images, UNIT, Augmentation(gain=3, gamma=1), rng)
    assert out.min() >= 0
    assert out.max() <= 255.01
