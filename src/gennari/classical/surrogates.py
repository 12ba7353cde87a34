"""Series without a border that are correlated as a given one is: phases of its spectrum at random."""

import numpy as np
from jaxtyping import Float


def surrogate(
    features: Float[np.ndarray, "n p"], rng: np.random.Generator, closed: bool = False
) -> Float[np.ndarray, "n p"]:
    """A series with the same auto- and cross-correlations in which no place differs from any other.

    All features get the same random phases, which keeps the correlations between them (Prichard & Theiler 1994). For a
    Gaussian series that is stationary on a circle, turning phases changes nothing in its law: a test against such
    surrogates holds its level at any length. An open piece is no circle. The Fourier transform would take the step from
    its last row to its first for one of the series and spread it over all surrogates. So it is mirrored first, and a
    stretch of the mirrored series' surrogate is taken from a random place.

    Args:
        features: rows in order along one piece.
        rng: source of all chance.
        closed: the piece returns to its start.
    """
    n = len(features)
    circle = features if closed else np.concatenate([features, features[::-1]])
    length = len(circle)
    spectrum = np.fft.rfft(circle, axis=0)
    phase = rng.uniform(0, 2 * np.pi, len(spectrum))
    phase[0] = 0
    if length % 2 == 0:
        phase[-1] = 0
    turned = np.fft.irfft(spectrum * np.exp(1j * phase)[:, None], length, axis=0)
    if closed:
        return turned
    return np.roll(turned, -int(rng.integers(length)), axis=0)[:n]
