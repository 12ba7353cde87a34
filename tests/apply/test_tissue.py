import numpy as np
import pytest
from scipy.ndimage import maximum_filter

from gennari.apply import tissue
from gennari.apply.tissue import GLASS_MM, find_tissue


def looked_through(image: np.ndarray, stride: int, spacing_um: float) -> tissue.Tissue:
    return find_tissue(lambda rows, cols: image[rows, cols], image.shape, stride, spacing_um)


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("band_px", [1, 300, 10**6])
def test_near_tissue_is_what_a_dilated_mask_says(rng, monkeypatch, stride, band_px):
    monkeypatch.setattr(tissue, "_BAND_PX", band_px)
    image = np.full((43, 61), 255, np.uint8)
    image[rng.integers(0, 43, 3), rng.integers(0, 61, 3)] = 254
    spacing_um = 1e3 * GLASS_MM / (3 * stride)
    found = looked_through(image, stride, spacing_um)
    rows, cols = (-(-side // stride) for side in image.shape)
    padded = np.full((rows * stride, cols * stride), 255, np.uint8)
    padded[:43, :61] = image
    mask = (padded < 255).reshape(rows, stride, cols, stride).any(axis=(1, 3))
    near = maximum_filter(mask, 2 * found.reach + 1, mode="constant")
    assert (found.shape, found.reach) == ((rows, cols), 3)
    for _ in range(200):
        (top, bottom), (left, right) = (np.sort(rng.choice(side + 1, 2, replace=False)) for side in (rows, cols))
        assert found.near(slice(top, bottom), slice(left, right)) == near[top:bottom, left:right].any()


def test_glass_alone_is_no_tissue():
    found = looked_through(np.full((20, 30), 255, np.uint8), 2, 64.0)
    assert not found.near(slice(0, 10), slice(0, 15))
