import numpy as np
import pytest
from pydantic import ValidationError
from scipy.ndimage import gaussian_filter

from gennari.data.augmentation import Augmentation
from gennari.data.pixels import Normalisation
from gennari.data.prepare import blur, draw_changes, normalise, prepared

UNIT = Normalisation(mean=0.0, std=1 / 255)


def test_without_augmentation_images_are_only_normalised(rng: np.random.Generator):
    images = rng.integers(0, 256, (5, 6, 7), dtype=np.uint8)
    out, changes = prepared(images, Normalisation(mean=0.527, std=0.183), Augmentation(), rng)
    np.testing.assert_allclose(out, (images / 255 - 0.527) / 0.183, atol=1e-5)
    assert out.dtype == np.float32
    assert not np.any([changes.mirrored, changes.quarters, changes.angle_deg, changes.blur_px])
    np.testing.assert_allclose(normalise(images, Normalisation(mean=0.527, std=0.183)), out, atol=1e-6)


def test_mirroring_turns_columns_of_some_images(rng: np.random.Generator):
    images = rng.integers(0, 256, (200, 4, 5), dtype=np.uint8)
    out, changes = prepared(images, UNIT, Augmentation(mirror=0.3), rng)
    mirrored = changes.mirrored
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


def test_quarter_turns_come_alike_and_angles_evenly_up_to_their_limit(rng: np.random.Generator):
    changes = draw_changes(Augmentation(quarter_turns=True, rotation_deg=40, blur_px=1.5), 4000, rng)
    np.testing.assert_allclose(np.bincount(changes.quarters) / 4000, 0.25, atol=0.03)
    for drawn, low, high in ((changes.angle_deg, -40, 40), (changes.blur_px, 0, 1.5)):
        assert low <= drawn.min()
        assert drawn.max() <= high
        share = np.array([0.25, 0.5, 0.75])
        expected = low + (high - low) * share
        np.testing.assert_allclose(np.quantile(drawn, share), expected, atol=0.03 * (high - low))


def test_an_option_does_not_change_what_the_others_draw():
    plain = draw_changes(Augmentation(mirror=0.5, gain=0.2), 9, np.random.default_rng(3))
    more = draw_changes(Augmentation(mirror=0.5, gain=0.2, rotation_deg=9, blur_px=1), 9, np.random.default_rng(3))
    np.testing.assert_array_equal(plain.mirrored, more.mirrored)
    np.testing.assert_array_equal(plain.gain, more.gain)


def test_patches_are_turned_by_what_was_drawn(rng: np.random.Generator):
    images = rng.integers(0, 256, (40, 6, 6), dtype=np.uint8)
    out, changes = prepared(images, UNIT, Augmentation(mirror=0.5, quarter_turns=True), rng)
    for image, got, quarters, mirrored in zip(images, out, changes.quarters, changes.mirrored, strict=True):
        turned = np.rot90(image, -int(quarters))
        np.testing.assert_allclose(got, turned[:, ::-1] if mirrored else turned, atol=1e-3)
    assert set(changes.quarters.tolist()) == {0, 1, 2, 3}
    turned, _ = prepared(images, UNIT, Augmentation(rotation_deg=180), rng)
    assert np.abs(turned - images).max(axis=(1, 2)).min() > 1


def test_blur_is_scipys_gaussian_and_keeps_the_mean_grey(rng: np.random.Generator):
    images = rng.integers(0, 256, (30, 40, 40), dtype=np.uint8)
    out, changes = prepared(images, UNIT, Augmentation(blur_px=2.0), rng)
    for image, got, sd in zip(images.astype(float), out, changes.blur_px, strict=True):
        np.testing.assert_allclose(got, gaussian_filter(image, sd, mode="nearest", truncate=3), atol=1e-2)
    strong = changes.blur_px > 1
    assert (out[strong].std(axis=(1, 2)) < 0.4 * images[strong].std(axis=(1, 2))).all()
    still = images[0].astype(np.float32)
    blur(still, 0.0)
    np.testing.assert_array_equal(still, images[0])


@pytest.mark.parametrize("changes", [{"rotation_deg": 181}, {"rotation_deg": -1}, {"blur_px": -1}, {"mirror": 1.1}])
def test_changes_beyond_their_meaning_are_refused(changes: dict[str, float]):
    with pytest.raises(ValidationError, match=next(iter(changes))):
        Augmentation(**changes)  # pyright: ignore[reportArgumentType]
