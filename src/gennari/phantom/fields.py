"""Smooth random fields over points in space: sums of random waves, any number of points at any time."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Float, Float32


@dataclass(frozen=True, kw_only=True)
class WaveField:
    """A Gaussian random field with covariance exp(-d² / (2 length²)) and unit variance, k components.

    Random Fourier features (Rahimi & Recht 2007): a finite sum of waves whose wave vectors follow the covariance's
    spectrum. A field is a function of the position, so whoever asks for the same place gets the same value.
    """

    wave_per_mm: Float32[np.ndarray, "k w 3"]
    phase: Float32[np.ndarray, "k w"]

    def __call__(self, points_mm: Float[np.ndarray, "n 3"]) -> Float32[np.ndarray, "n k"]:
        """Values at points, one column a component."""
        points = points_mm.astype(np.float32)
        scale = np.float32(np.sqrt(2.0 / self.phase.shape[1]))
        columns = [
            np.cos(points @ wave.T + phase).sum(axis=1) * scale
            for wave, phase in zip(self.wave_per_mm, self.phase, strict=True)
        ]
        return np.stack(columns, axis=1)


def wave_field(rng: np.random.Generator, components: int, length_mm: float, waves: int = 96) -> WaveField:
    """Draw a field of `components` independent components with correlation length `length_mm`."""
    wave = rng.normal(size=(components, waves, 3)) / length_mm
    phase = rng.uniform(0, 2 * np.pi, size=(components, waves))
    return WaveField(wave_per_mm=wave.astype(np.float32), phase=phase.astype(np.float32))
