import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gennari.sampling.degrees import (
    configuration_degrees,
    cut_off,
    fitted_exponent,
    gamma_for_mean,
    hub_degrees,
)


def test_hub_degrees_follow_the_exponent(rng):
    degree = hub_degrees(4000, 4000 * 100, 10**6, 2.5, rng)
    assert degree.sum() == 400_000
    assert fitted_exponent(degree) == pytest.approx(2.5, abs=0.1)
    assert fitted_exponent(hub_degrees(4000, 4000 * 100, 10**6, 3.5, rng)) == pytest.approx(3.5, abs=0.2)


def test_the_hubs_of_a_whole_brain_keep_their_exponent(rng):
    """A thousand hubs that share 100,000 pairs; rounding at the smallest degree (34) would show."""
    fits = [fitted_exponent(hub_degrees(1000, 100_000, 99_000, 2.5, rng)) for _ in range(40)]
    assert np.mean(fits) == pytest.approx(2.5, abs=0.05)


@settings(max_examples=50, deadline=None)
@given(st.integers(1, 30), st.integers(1, 30), st.floats(0, 1), st.integers(0, 2**32 - 1))
def test_hub_degrees_keep_sum_and_limits(hubs, most, share, seed):
    total = hubs + round(share * hubs * (most - 1))
    degree = hub_degrees(hubs, total, most, 2.2, np.random.default_rng(seed))
    assert degree.sum() == total
    assert degree.min() >= 1
    assert degree.max() <= most


def test_impossible_degrees_are_refused(rng):
    with pytest.raises(ValueError, match=r"3 degrees in 1\.\.2 cannot sum to 7"):
        hub_degrees(3, 7, 2, 2.5, rng)


@pytest.mark.parametrize(("most", "gamma"), [(3, 0.0), (5, 1.2557), (632, 2.4454), (10**6, 2.4779)])
def test_the_exponent_is_solved_for_the_mean_with_its_limit(most, gamma):
    found = gamma_for_mean(2.0, most)
    assert found == pytest.approx(gamma, abs=5e-3)
    k = np.arange(1, most + 1)
    assert (k * k**-found).sum() / (k**-found).sum() == pytest.approx(2, abs=1e-6)


@pytest.mark.parametrize("mean", [1.0, 5.0, 7.0])
def test_a_mean_outside_the_degrees_is_refused(mean):
    with pytest.raises(ValueError, match=r"degrees in 1\.\.5"):
        gamma_for_mean(mean, 5)


@pytest.mark.parametrize("n", [4, 5, 8, 100, 20_000])
def test_configuration_degrees_sum_to_two_a_patch_below_the_cut_off(n, rng):
    degree = configuration_degrees(n, rng)
    assert degree.sum() == 2 * n
    assert degree.min() >= 1
    assert degree.max() <= cut_off(n) < n
    if n == 20_000:
        tail = degree[degree >= 6]
        assert fitted_exponent(tail) == pytest.approx(gamma_for_mean(2.0, cut_off(n)), abs=0.25)


def test_an_exponent_of_equal_degrees_is_not_a_number():
    assert np.isnan(fitted_exponent(np.array([3, 3])))
