"""How different are two neighbouring blocks of profiles: Mahalanobis D², Hotelling's T² and F."""

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float
from scipy import stats


@dataclass(frozen=True, kw_only=True)
class BlockTest:
    """Block comparisons at m places; place i lies between rows `block + i - 1` and `block + i`.

    Attributes:
        block: rows in each of the two blocks.
        d2: Mahalanobis distance squared of the means, pooled covariance.
        f: (2b-p-1) / ((2b-2) p) · T².
        p_value: of f under F(p, 2b-p-1) for independent rows. Neighbouring profiles are not: too small by far, printed
            only beside a threshold from surrogates.
    """

    block: int
    d2: Float[np.ndarray, "m"]
    t2: Float[np.ndarray, "m"]
    f: Float[np.ndarray, "m"]
    p_value: Float[np.ndarray, "m"]


def block_test(features: Float[np.ndarray, "n p"], block: int) -> BlockTest:
    """Compare the `block` rows before each place with the `block` rows after it (Schleicher et al. 1999).

    D² = (m1-m2)ᵀ S⁻¹ (m1-m2) with S the pooled covariance, T² = n1 n2/(n1+n2) D², n1 = n2 = block.

    Raises:
        ValueError: blocks too small for so many features, fewer than two blocks of rows, or a covariance that cannot
            be inverted.
    """
    n, p = features.shape
    if 2 * block <= p + 1:
        raise ValueError(f"two blocks of b rows compare p features if 2b > p + 1, got b = {block}, p = {p}")
    if n < 2 * block:
        raise ValueError(f"two blocks of {block} rows need {2 * block} rows, got {n}")
    windows = np.lib.stride_tricks.sliding_window_view(features, block, axis=0)  # (n - block + 1, p, block)
    means = windows.mean(axis=2)
    centred = windows - means[:, :, None]
    scatter = centred @ centred.transpose(0, 2, 1)  # (n - block + 1, p, p)
    pooled = (scatter[:-block] + scatter[block:]) / (2 * block - 2)
    step = means[block:] - means[:-block]
    if (np.linalg.matrix_rank(pooled, hermitian=True) < p).any():
        raise ValueError(f"the {p} features must not depend on each other within two blocks; leave some out")
    d2 = np.einsum("mp,mp->m", step, np.linalg.solve(pooled, step[:, :, None])[:, :, 0])
    t2 = block / 2 * d2
    f = (2 * block - p - 1) / ((2 * block - 2) * p) * t2
    return BlockTest(block=block, d2=d2, t2=t2, f=f, p_value=np.asarray(stats.f.sf(f, p, 2 * block - p - 1)))


def surrogate(features: Float[np.ndarray, "n p"], rng: np.random.Generator) -> Float[np.ndarray, "n p"]:
    """Rows with the same means, auto- and cross-correlations, but no border: phases of their spectrum at random.

    All features get the same random phases, which keeps the correlations between them.
    """
    n = len(features)
    spectrum = np.fft.rfft(features, axis=0)
    phase = rng.uniform(0, 2 * np.pi, len(spectrum))
    phase[0] = 0
    if n % 2 == 0:
        phase[-1] = 0
    return np.fft.irfft(spectrum * np.exp(1j * phase)[:, None], n, axis=0)


def surrogate_threshold(
    features: Float[np.ndarray, "n p"], block: int, rng: np.random.Generator, count: int = 200, quantile: float = 0.95
) -> float:
    """D² that the largest D² of a borderless series of the same correlations stays below with chance `quantile`."""
    largest = [block_test(surrogate(features, rng), block).d2.max() for _ in range(count)]
    return float(np.quantile(largest, quantile))


def candidates(d2: Float[np.ndarray, "m"], threshold: float) -> Bool[np.ndarray, "m"]:
    """Places where D² has a local maximum above the threshold; of equal neighbours the first counts."""
    padded = np.concatenate([[-np.inf], d2, [-np.inf]])
    return (d2 > threshold) & (d2 > padded[:-2]) & (d2 >= padded[2:])


def persistent(places: list[Float[np.ndarray, "..."]], tolerance: float, share: float = 0.5) -> Float[np.ndarray, "k"]:
    """Candidates that keep their place over block sizes.

    Args:
        places: positions of the candidates for each block size (row numbers or mm), the finest first.
        tolerance: how far a candidate may move.
        share: of the block sizes that must show it.

    Returns:
        Positions (k,) of the accepted ones: for each, the median of its positions over block sizes.
    """
    accepted: list[float] = []
    for start in np.sort(np.concatenate(places)):
        near = [p[np.abs(p - start) <= tolerance] for p in places]
        seen = [float(found[np.abs(found - start).argmin()]) for found in near if found.size]
        middle = float(np.median(seen))
        if len(seen) >= share * len(places) and (not accepted or middle - accepted[-1] > tolerance):
            accepted.append(middle)
    return np.array(accepted)
