"""Grey values to network inputs, with random changes that leave the targets true: one table of 256 numbers an image."""

import numpy as np
from jaxtyping import Float32, UInt8

from gennari.data.augmentation import Augmentation
from gennari.data.pixels import Normalisation
from gennari.records import BACKGROUND_GREY


def prepared(
    images: UInt8[np.ndarray, "n h w"],
    normalisation: Normalisation,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> tuple[Float32[np.ndarray, "n h w"], np.ndarray]:
    """Normalised images with their random changes, and which of them were mirrored (n,).

    Since grey values are bytes, gain, gamma and normalisation together are a table of 256 numbers an image.
    """
    n = len(images)
    mirrored = rng.random(n) < augmentation.mirror
    gain = _factor(rng, augmentation.gain, n)
    gamma = _factor(rng, augmentation.gamma, n)
    grey = np.arange(256, dtype=np.float32)
    stained = np.clip(BACKGROUND_GREY - (BACKGROUND_GREY - grey) * gain[:, None], 0, BACKGROUND_GREY)
    bright = BACKGROUND_GREY * (stained / BACKGROUND_GREY) ** gamma[:, None]
    tables = normalise(bright, normalisation)
    out = np.empty(images.shape, np.float32)
    for i in range(n):
        np.take(tables[i], images[i, :, ::-1] if mirrored[i] else images[i], out=out[i], mode="clip")
    return out, mirrored


def normalise(grey: np.ndarray, normalisation: Normalisation) -> Float32[np.ndarray, "..."]:
    """Grey values 0..255 as the networks see them: divided by 255, less the mean, over the standard deviation."""
    return ((grey / BACKGROUND_GREY - normalisation.mean) / normalisation.std).astype(np.float32)


def _factor(rng: np.random.Generator, spread: float, n: int) -> np.ndarray:
    return (1 + spread) ** rng.uniform(-1, 1, n)
