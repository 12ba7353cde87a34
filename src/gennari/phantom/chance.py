"""Chance as a function of the place: hashed numbers, so that windows that overlap agree and no state is carried along.

All are numba functions on plain numbers; keys are uint64.
"""

from typing import no_type_check

import numpy as np
from numba import njit
from scipy.special import ndtri

NORMAL = ndtri((np.arange(1024) + 0.5) / 1024).astype(np.float32)
"""Quantiles of the normal distribution: an index of 10 random bits gives a normal number, |x| <= 3.3."""
NORMAL /= NORMAL.std()
MANY = 700.0


@no_type_check
@njit(cache=True, inline="always")
def mixed(x):
    """The finaliser of splitmix64 (Steele, Lea & Flood 2014): 64 bits that look random for any two different keys."""
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@no_type_check
@njit(cache=True, inline="always")
def key(seed, row, col):
    """The key of a place on a grid (|row|, |col| < 2^31)."""
    place = (np.uint64(np.int64(row) & 0xFFFFFFFF) << np.uint64(32)) | np.uint64(np.int64(col) & 0xFFFFFFFF)
    return mixed(mixed(np.uint64(seed) + np.uint64(0x9E3779B97F4A7C15)) ^ mixed(place + np.uint64(0x9E3779B97F4A7C15)))


@no_type_check
@njit(cache=True, inline="always")
def following(x):
    """The next key of a place."""
    return mixed(x + np.uint64(0x9E3779B97F4A7C15))


@no_type_check
@njit(cache=True, inline="always")
def uniform(x):
    """A number in (0, 1) from all bits of a key."""
    return (np.float64(x >> np.uint64(11)) + 0.5) / 9007199254740992.0


@no_type_check
@njit(cache=True, inline="always")
def part(x, index):
    """One of four numbers in (0, 1) from 16 bits each."""
    return (np.float64((x >> np.uint64(16 * index)) & np.uint64(0xFFFF)) + 0.5) / 65536.0


@no_type_check
@njit(cache=True, inline="always")
def normal(x, index):
    """One of four normal numbers, as `part`."""
    return NORMAL[int((x >> np.uint64(16 * index)) & np.uint64(0x3FF))]


@no_type_check
@njit(cache=True, inline="always", error_model="numpy")
def poisson(mean, chance):
    """The quantile of the Poisson distribution at `chance`: one number is enough.

    By inversion up to a mean of MANY; above, where exp(-mean) would leave the range of numbers, the normal quantile
    corrected for skewness (Cornish and Fisher 1938), as fine as the table of normal numbers.
    """
    if mean > MANY:
        z = NORMAL[int(chance * 1024)]
        return int(max(np.rint(mean + z * np.sqrt(mean) + (z * z - 1.0) / 6.0), 0.0))
    term = np.exp(-mean)
    total, count = term, 0
    while chance > total and count < 2000:
        count += 1
        term *= mean / count
        total += term
    return count
