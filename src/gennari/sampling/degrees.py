"""Degrees that follow a power law: how many pairs each patch takes part in."""

import numpy as np
from jaxtyping import Float, Int
from scipy.optimize import root_scalar

STEEPEST = 50.0
"""An exponent beyond it leaves nothing but the smallest degree, one below its negative nothing but the largest."""


def hub_degrees(hubs: int, total: int, most: int, gamma: float, rng: np.random.Generator) -> Int[np.ndarray, "h"]:
    """Degrees of a power law, scaled so that they sum to `total`, each in 1..most.

    Scaling leaves the exponent as it is. What rounding and the limits leave over goes to the largest, one each, where
    it changes least: at the smallest degree it would bend the law.

    Raises:
        ValueError: no such degrees exist.
    """
    if not hubs <= total <= hubs * most:
        raise ValueError(f"{hubs} degrees in 1..{most} cannot sum to {total}")
    drawn = (1 - rng.random(hubs)) ** (-1 / (gamma - 1))
    degree = np.clip(np.rint(total * drawn / drawn.sum()), 1, most).astype(int)
    return _summing_to(total, degree, most, np.argsort(-degree, kind="stable"))


def configuration_degrees(n: int, rng: np.random.Generator) -> Int[np.ndarray, "n"]:
    """Degrees of n patches that sum to 2 n, P(k) ∝ k^-gamma for k = 1 .. `cut_off(n)`.

    gamma is solved for the mean of 2 that as many pairs as patches need (`gamma_for_mean`).
    """
    most = cut_off(n)
    k = np.arange(1, most + 1)
    chance = k ** -gamma_for_mean(2.0, most)
    return _summing_to(2 * n, rng.choice(k, n, p=chance / chance.sum()), most, rng.permutation(n))


def cut_off(n: int) -> int:
    """Largest degree of n >= 4 patches: sqrt(2 n), beyond which hubs would have to meet twice (Boguñá et al. 2004)."""
    return min(max(int(np.sqrt(2 * n)), 3), n - 1)


def gamma_for_mean(mean: float, most: int) -> float:
    """The exponent at which degrees 1 .. most of P(k) ∝ k^-gamma have this mean; 2.48 for a mean of 2 without a limit.

    Raises:
        ValueError: no degrees in 1 .. most have it.
    """
    if not 1 < mean < most:
        raise ValueError(f"degrees in 1..{most} that follow a power law have a mean between the two, not {mean}")
    k = np.arange(1, most + 1, dtype=float)
    return float(root_scalar(lambda gamma: _mean(k, gamma) - mean, bracket=(-STEEPEST, STEEPEST)).root)


def fitted_exponent(degree: Int[np.ndarray, "n"]) -> float:
    """Maximum-likelihood exponent of a power law from the smallest degree on (Clauset et al. 2009, eq. (3.7)).

    The approximation for whole numbers is good from a smallest degree of about 6. NaN where all are the same.
    """
    if degree.min() == degree.max():
        return float("nan")
    return float(1 + len(degree) / np.log(degree / (degree.min() - 0.5)).sum())


def _mean(k: Float[np.ndarray, "m"], gamma: float) -> float:
    share = (k / (1.0 if gamma > 0 else k[-1])) ** -gamma  # at most 1, whichever way it leans
    return float((k * share).sum() / share.sum())


def _summing_to(
    total: int, degree: Int[np.ndarray, "n"], most: int, order: Int[np.ndarray, "n"]
) -> Int[np.ndarray, "n"]:
    """Change degrees by one, in this order, within 1..most, until they sum to `total`."""
    while missing := total - degree.sum():
        step = 1 if missing > 0 else -1
        free = order[(degree < most if step > 0 else degree > 1)[order]]
        degree[free[: abs(missing)]] += step
    return degree
