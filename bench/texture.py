"""How a picture of cells looks, in numbers: grey values, spectrum, blobs."""

from typing import cast

import numpy as np
from jaxtyping import Float
from scipy import ndimage

BINS = 32
WAVELENGTHS_UM = (4.0, 100.0)
DARK = 0.6
"""A blob is darker than this share of the picture's median."""
SMALLEST_UM2 = 12.0


def levelled(image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "h w"]:
    """The picture with its 1st and 99th percentile at 0 and 1: exposure and tone differ from slide to slide."""
    low, high = np.percentile(image, (1, 99))
    return (image - low) / (high - low)


def histogram(image: Float[np.ndarray, "h w"]) -> Float[np.ndarray, "b"]:
    """Shares of pixels in BINS bins of the levelled picture; what lies outside counts at the ends."""
    counts = np.histogram(np.clip(levelled(image), 0, 1), BINS, (0, 1))[0]
    return counts / image.size


def spectrum(image: Float[np.ndarray, "h w"], spacing_um: float) -> tuple[np.ndarray, np.ndarray]:
    """Radially averaged power of the levelled picture (Hann window): wavelengths in µm and power in µm²."""
    values = levelled(image)
    hann = np.hanning(values.shape[0])[:, None] * np.hanning(values.shape[1])
    power = np.abs(np.fft.fft2((values - values.mean()) * hann)) ** 2 * spacing_um**2 / (hann**2).sum()
    rows, cols = (np.fft.fftfreq(size, spacing_um) for size in values.shape)
    edges = np.geomspace(1 / WAVELENGTHS_UM[1], 1 / WAVELENGTHS_UM[0], 21)
    ring = np.digitize(np.hypot(rows[:, None], cols).ravel(), edges)
    mean = np.array([power.ravel()[ring == k].mean() for k in range(1, len(edges))])
    return 1 / np.sqrt(edges[1:] * edges[:-1]), mean


def slope(wavelengths_um: np.ndarray, power: np.ndarray) -> float:
    """Of log power over log frequency."""
    return float(np.polyfit(-np.log(wavelengths_um), np.log(power), 1)[0])


def blob_areas(image: Float[np.ndarray, "h w"], spacing_um: float) -> Float[np.ndarray, "n"]:
    """Areas in µm² of what is darker than DARK of the median, after a blur of 0.7 µm; cells that touch are one blob."""
    smooth = np.asarray(ndimage.gaussian_filter(image.astype(float), 0.7 / spacing_um))
    labels, _ = cast(tuple[np.ndarray, int], ndimage.label(smooth < DARK * np.median(image)))
    areas = np.bincount(labels.ravel())[1:] * spacing_um**2
    return areas[areas >= SMALLEST_UM2]
