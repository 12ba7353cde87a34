import numpy as np
import pytest

from gennari.frames import coronal
from gennari.records import Section, Window
from gennari.sources.resample import area_mean, is_aligned, resample

SPACING_UM = 10.0


def section_of(image: np.ndarray) -> Section:
    return Section(brain="A", id=1, spacing_um=SPACING_UM, shape_px=image.shape, to_brain=coronal(0.0, 0.0, 0.0))


def read(image: np.ndarray, **window: object) -> np.ndarray:
    arguments = {"brain": "A", "section": 1, "spacing_um": SPACING_UM} | window
    return resample(lambda r0, r1, c0, c1: image[r0:r1, c0:c1], Window(**arguments), section_of(image))


def by_the_law(image: np.ndarray, window: dict[str, object], samples: int) -> np.ndarray:
    """docs/coordinates.md in four lines of numpy: sample points of each pixel, value of the pixel each lies in."""
    (h, w), a = window["size_px"], np.deg2rad(window["rotation_deg"])
    u, v = np.array([np.cos(a), np.sin(a)]), np.array([-np.sin(a), np.cos(a)])
    offsets = (np.arange(samples) + 0.5) / samples - 0.5
    i = (np.arange(h)[:, None] + offsets).ravel() - (h - 1) / 2
    j = (np.arange(w)[:, None] + offsets).ravel() - (w - 1) / 2
    points = np.array(window["centre_um"]) + (i[:, None, None] * u + j[None, :, None] * v) * window["spacing_um"]
    r, c = np.floor(points / SPACING_UM).astype(int).transpose(2, 0, 1)
    inside = (r >= 0) & (r < image.shape[0]) & (c >= 0) & (c < image.shape[1])
    values = np.where(inside, image[np.clip(r, 0, image.shape[0] - 1), np.clip(c, 0, image.shape[1] - 1)], 255.0)
    return values.reshape(h, samples, w, samples).mean(axis=(1, 3))


@pytest.mark.parametrize("rotation", [0.0, 17.0, 45.0, 90.0, 133.3, 180.0, 270.0, -90.0, 360.0])
@pytest.mark.parametrize("spacing", [10.0, 13.7, 20.0, 64.0, 7.5])
def test_a_constant_stays_constant_at_any_rotation_and_spacing(rotation: float, spacing: float) -> None:
    image = np.full((300, 300), 77, np.uint8)
    got = read(image, centre_um=(1503.0, 1497.0), size_px=(20, 24), spacing_um=spacing, rotation_deg=rotation)
    assert got.dtype == np.float32
    assert got.shape == (20, 24)
    np.testing.assert_allclose(got, 77, atol=1e-4)


@pytest.mark.parametrize("factor", [1, 2, 3, 8])
def test_a_whole_factor_is_the_block_mean(rng: np.random.Generator, factor: int) -> None:
    image = rng.integers(0, 255, (10 * factor, 12 * factor), dtype=np.uint8)
    got = read(image, centre_um=(50.0 * factor, 60.0 * factor), size_px=(10, 12), spacing_um=SPACING_UM * factor)
    np.testing.assert_allclose(got, image.reshape(10, factor, 12, factor).mean(axis=(1, 3)), atol=1e-4)


def test_a_window_that_leaves_the_section_is_padded_and_not_moved(rng: np.random.Generator) -> None:
    image = rng.integers(0, 200, (10, 10), dtype=np.uint8)
    got = read(image, centre_um=(0.0, 100.0), size_px=(8, 8))
    np.testing.assert_array_equal(got[:4], 255)
    np.testing.assert_array_equal(got[:, 4:], 255)
    np.testing.assert_array_equal(got[4:, :4], image[:4, 6:])


def test_a_pixel_half_outside_is_half_background() -> None:
    image = np.full((10, 10), 55, np.uint8)
    got = read(image, centre_um=(-5.0, 50.0), size_px=(1, 1), spacing_um=20.0)
    assert got[0, 0] == pytest.approx(0.75 * 255 + 0.25 * 55)


@pytest.mark.parametrize("rotation", [0.0, 30.0])
def test_a_window_outside_the_section_is_background_and_reads_nothing(rotation: float) -> None:
    def fetch(r0: int, r1: int, c0: int, c1: int) -> np.ndarray:
        raise AssertionError("nothing is to be read")

    window = Window(
        brain="A", section=1, centre_um=(-900.0, 50.0), size_px=(5, 6), spacing_um=10.0, rotation_deg=rotation
    )
    np.testing.assert_array_equal(resample(fetch, window, section_of(np.zeros((10, 10), np.uint8))), 255)


@pytest.mark.parametrize(("rotation", "turns"), [(90.0, -1), (180.0, -2), (270.0, -3), (-90.0, 1), (450.0, -1)])
def test_quarter_turns_are_rot90(rng: np.random.Generator, rotation: float, turns: int) -> None:
    image = rng.integers(0, 255, (16, 16), dtype=np.uint8)
    got = read(image, centre_um=(80.0, 80.0), size_px=(16, 16), rotation_deg=rotation)
    np.testing.assert_array_equal(got, np.rot90(image, turns))


def test_at_90_degrees_the_row_axis_runs_along_the_columns(rng: np.random.Generator) -> None:
    image = rng.integers(0, 255, (30, 40), dtype=np.uint8)
    got = read(image, centre_um=(150.0, 200.0), size_px=(6, 4), rotation_deg=90.0)
    block = image[13:17, 17:23]
    expected = [[block[3 - j, i] for j in range(4)] for i in range(6)]
    np.testing.assert_array_equal(got, expected)


@pytest.mark.parametrize("rotation", [23.0, -118.0, 89.0])
def test_a_turned_window_follows_the_law(rng: np.random.Generator, rotation: float) -> None:
    image = rng.integers(0, 255, (40, 50), dtype=np.uint8)
    window = {"centre_um": (120.0, 260.0), "size_px": (21, 18), "spacing_um": 14.0, "rotation_deg": rotation}
    np.testing.assert_allclose(read(image, **window), by_the_law(image, window, samples=4), atol=1e-4)
    # White noise is the worst case; beside the true area mean (a very fine grid) 4 x 4 samples stay near even there.
    assert np.abs(read(image, **window) - by_the_law(image, window, samples=40)).mean() < 8


def test_any_offset_and_spacing_of_an_upright_window_is_exact(rng: np.random.Generator) -> None:
    image = rng.integers(0, 255, (40, 50), dtype=np.uint8)
    window = {"centre_um": (123.4, 260.7), "size_px": (9, 8), "spacing_um": 23.0, "rotation_deg": 0.0}
    np.testing.assert_allclose(read(image, **window), by_the_law(image, window, samples=230), atol=0.6)


def test_only_the_pixels_a_window_covers_are_fetched(rng: np.random.Generator) -> None:
    image = rng.integers(0, 255, (40, 40), dtype=np.uint8)
    calls: list[tuple[int, int, int, int]] = []

    def fetch(r0: int, r1: int, c0: int, c1: int) -> np.ndarray:
        calls.append((r0, r1, c0, c1))
        return image[r0:r1, c0:c1]

    window = Window(brain="A", section=1, centre_um=(100.0, 100.0), size_px=(4, 4), spacing_um=20.0)
    resample(fetch, window, section_of(image))
    assert calls == [(6, 14, 6, 14)]


def test_block_means_round_half_up_and_fill_what_sticks_out(rng: np.random.Generator) -> None:
    image = rng.integers(0, 255, (7, 9), dtype=np.uint8)
    padded = np.pad(image.astype(float), ((0, 1), (0, 1)), constant_values=255)
    expected = np.floor(padded.reshape(4, 2, 5, 2).mean(axis=(1, 3)) + 0.5)
    np.testing.assert_array_equal(area_mean(image, 2), expected)
    np.testing.assert_array_equal(area_mean(image, 1), image)
    with pytest.raises(ValueError, match="factor of at least 1, got 0"):
        area_mean(image, 0)


def test_aligned_means_made_of_whole_pixels() -> None:
    def window(**changes: object) -> Window:
        base = {"brain": "A", "section": 1, "centre_um": (80.0, 80.0), "size_px": (4, 4), "spacing_um": 20.0}
        return Window(**(base | changes))

    assert is_aligned(window(), 20.0)
    assert is_aligned(window(), 10.0)
    assert not is_aligned(window(), 40.0)
    assert not is_aligned(window(), 15.0)
    assert not is_aligned(window(centre_um=(85.0, 80.0)), 10.0)
    assert is_aligned(window(size_px=(4, 5), centre_um=(80.0, 90.0)), 20.0)
    assert is_aligned(window(size_px=(5, 4), centre_um=(80.0, 90.0), rotation_deg=90.0), 20.0)
    assert not is_aligned(window(size_px=(5, 4), centre_um=(80.0, 90.0)), 20.0)
    assert not is_aligned(window(rotation_deg=1.0), 10.0)
