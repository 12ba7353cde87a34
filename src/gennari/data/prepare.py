"""Grey values to network inputs, with random changes that leave the targets true."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Int, UInt8
from scipy.ndimage import gaussian_filter

from gennari.data.augmentation import Augmentation
from gennari.data.pixels import Normalisation
from gennari.data.turning import Turn, turned_patch
from gennari.records import BACKGROUND_GREY


@dataclass(frozen=True, kw_only=True)
class Changes:
    """What is done to each of n images, as `Augmentation` describes it.

    Attributes:
        quarters: quarter turns, 0 to 3.
        angle_deg: of the further turn.
    """

    mirrored: Bool[np.ndarray, "n"]
    gain: Float[np.ndarray, "n"]
    gamma: Float[np.ndarray, "n"]
    quarters: Int[np.ndarray, "n"]
    angle_deg: Float[np.ndarray, "n"]
    blur_px: Float[np.ndarray, "n"]

    def turn(self, i: int) -> Turn:
        """How image i lies."""
        return Turn(bool(self.mirrored[i]), int(self.quarters[i]), float(self.angle_deg[i]))


def draw_changes(augmentation: Augmentation, n: int, rng: np.random.Generator) -> Changes:
    """Draw the changes of n images. An option draws the same numbers however strong it is, and also when it is off."""
    return Changes(
        mirrored=rng.random(n) < augmentation.mirror,
        gain=_factor(rng, augmentation.gain, n),
        gamma=_factor(rng, augmentation.gamma, n),
        quarters=rng.integers(4, size=n) * augmentation.quarter_turns,
        angle_deg=augmentation.rotation_deg * rng.uniform(-1, 1, n),
        blur_px=augmentation.blur_px * rng.random(n),
    )


def prepared(
    images: UInt8[np.ndarray, "n h w"],
    normalisation: Normalisation,
    augmentation: Augmentation,
    rng: np.random.Generator,
) -> tuple[Float32[np.ndarray, "n h w"], Changes]:
    """Normalised patches with their random changes, and which these were."""
    changes = draw_changes(augmentation, len(images), rng)
    tables = grey_tables(changes, normalisation)
    out = np.empty(images.shape, np.float32)
    for i, image in enumerate(images):
        turned_patch(image, changes.turn(i), tables[i], out[i])
        blur(out[i], float(changes.blur_px[i]))
    return out, changes


def grey_tables(changes: Changes, normalisation: Normalisation) -> Float32[np.ndarray, "n 256"]:
    """Gain, gamma and normalisation of each image as one table, since grey values are bytes."""
    grey = np.arange(256, dtype=np.float32)
    stained = np.clip(BACKGROUND_GREY - (BACKGROUND_GREY - grey) * changes.gain[:, None], 0, BACKGROUND_GREY)
    bright = BACKGROUND_GREY * (stained / BACKGROUND_GREY) ** changes.gamma[:, None]
    return normalise(bright, normalisation)


def normalise(grey: np.ndarray, normalisation: Normalisation) -> Float32[np.ndarray, "..."]:
    """Grey values 0..255 as the networks see them: divided by 255, less the mean, over the standard deviation."""
    return ((grey / BACKGROUND_GREY - normalisation.mean) / normalisation.std).astype(np.float32)


def blur(image: Float32[np.ndarray, "h w"], sd_px: float) -> None:
    """Blur an image in place by a Gaussian cut off at 3 standard deviations; its border pixels go on beyond it."""
    if sd_px > 0:
        gaussian_filter(image, sd_px, output=image, mode="nearest", truncate=3.0)


def _factor(rng: np.random.Generator, spread: float, n: int) -> np.ndarray:
    return (1 + spread) ** rng.uniform(-1, 1, n)
