"""Chance by place: numbers as the distributions say, and none like its neighbour's."""

from itertools import pairwise

import numpy as np
import pytest
from numba import njit
from scipy import stats

from gennari.phantom.chance import NORMAL, following, key, mixed, normal, part, poisson, uniform

SEED = np.uint64(12345)


@njit
def _keys(seed, row0, col0, height, width):
    out = np.empty((height, width), np.uint64)
    for i in range(height):
        for j in range(width):
            out[i, j] = key(seed, row0 + i, col0 + j)
    return out


@njit
def _numbers(keys):
    """uniform, then four of `part`, then four of `normal`."""
    out = np.empty((9, keys.size))
    for n, x in enumerate(keys.ravel()):
        out[0, n] = uniform(x)
        for k in range(4):
            out[1 + k, n] = part(x, k)
            out[5 + k, n] = normal(x, k)
    return out


@njit
def _poisson(mean, chances):
    out = np.empty(len(chances), np.int64)
    for n, chance in enumerate(chances):
        out[n] = poisson(mean, chance)
    return out


@njit
def _chain(x, count):
    out = np.empty(count, np.uint64)
    for n in range(count):
        x = following(x)
        out[n] = x
    return out


@njit
def _mixed(values):
    out = np.empty_like(values)
    for n, x in enumerate(values):
        out[n] = mixed(x)
    return out


@pytest.fixture(scope="module")
def keys():
    return _keys(SEED, -150, -150, 300, 300)


@pytest.fixture(scope="module")
def numbers(keys):
    return _numbers(keys)


@pytest.mark.parametrize("mean", [0.0, 0.05, 0.7, 5.0, 40.0, 300.0, 700.0])
def test_poisson_numbers_are_quantiles_of_the_poisson_distribution(mean):
    chances = (np.arange(4000) + 0.5) / 4000
    expected = stats.poisson.ppf(chances, mean) if mean else np.zeros(4000)
    drawn = _poisson(mean, chances)
    # sums of hundreds of terms are rounded: a quantile may fall beside its limit once in a while
    assert (drawn == expected).mean() >= (1.0 if mean < 100 else 0.999)
    assert abs(drawn - expected).max() <= 1
    assert drawn.mean() == pytest.approx(mean, rel=0.005)
    assert drawn.var() == pytest.approx(mean, rel=0.02)


@pytest.mark.parametrize("mean", [701.0, 5000.0, 3e5])
def test_large_poisson_numbers_have_the_mean_variance_and_skewness(mean):
    drawn = _poisson(mean, (np.arange(4096) + 0.5) / 4096)
    assert drawn.mean() == pytest.approx(mean, abs=0.02 * np.sqrt(mean))
    assert drawn.var() == pytest.approx(mean, rel=0.02)
    assert stats.skew(drawn) == pytest.approx(mean**-0.5, abs=0.01)


def test_poisson_ends_at_2000_when_the_chance_is_1():
    assert _poisson(5.0, np.array([1.0]))[0] <= 2000


def test_the_mixer_is_that_of_splitmix64():
    # the first outputs of the published generator with seed 0 are the mixed multiples of its increment
    weyl = np.array([0x9E3779B97F4A7C15, 0x3C6EF372FE94F82A, 0xDAA66D2C7DDF743F], np.uint64)
    published = np.array([0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F], np.uint64)
    np.testing.assert_array_equal(_mixed(weyl), published)


def test_no_two_places_share_a_key_and_signs_matter(keys):
    assert len(np.unique(keys)) == keys.size
    # keys[150, 150] is that of (0, 0)
    assert keys[150, 150] == _keys(SEED, 0, 0, 1, 1)[0, 0]
    assert len({_keys(SEED, row, col, 1, 1)[0, 0] for row in (-3, 3) for col in (-7, 7)}) == 4
    assert _keys(SEED, 2, 5, 1, 1)[0, 0] != _keys(SEED, 5, 2, 1, 1)[0, 0]


def test_places_beyond_what_16_bits_hold_differ():
    far = [_keys(SEED, row, 0, 1, 1)[0, 0] for row in (1, 1 + 2**16, 1 + 2**20, 2**31 - 1, -(2**31))]
    assert len(set(far)) == 5


def test_another_seed_gives_other_keys(keys):
    assert not (_keys(np.uint64(12346), -150, -150, 300, 300) == keys).any()


def test_half_of_all_bits_change_from_place_to_place(keys):
    for other in (keys[1:, :], keys[:, 1:]):
        flipped = keys[: other.shape[0], : other.shape[1]] ^ other
        bits = np.unpackbits(np.ascontiguousarray(flipped).view(np.uint8)).reshape(-1, 64)
        assert bits.mean() == pytest.approx(0.5, abs=0.001)
        assert abs(bits.mean(axis=0) - 0.5).max() < 0.01


def test_uniform_numbers_have_the_moments_of_the_uniform_distribution(numbers):
    for row in numbers[:5]:
        assert 0 < row.min() < 0.001
        assert 0.999 < row.max() < 1
        assert row.mean() == pytest.approx(0.5, abs=0.004)
        assert row.var() == pytest.approx(1 / 12, rel=0.01)
        assert stats.kstest(row, "uniform").pvalue > 1e-3


def test_normal_numbers_have_the_moments_of_the_normal_distribution(numbers):
    for row in numbers[5:]:
        assert row.mean() == pytest.approx(0, abs=0.013)
        assert row.std() == pytest.approx(1, abs=0.01)
        assert stats.skew(row) == pytest.approx(0, abs=0.03)
        assert stats.kurtosis(row) == pytest.approx(0, abs=0.1)
    assert abs(numbers[5:]).max() < 3.4
    assert NORMAL.std() == pytest.approx(1, abs=1e-6)


def test_the_four_parts_of_a_key_are_independent(numbers):
    assert abs(np.corrcoef(numbers[1:5]) - np.eye(4)).max() < 0.015
    assert abs(np.corrcoef(numbers[5:]) - np.eye(4)).max() < 0.015


def test_numbers_of_neighbouring_places_are_uncorrelated(numbers):
    for row in (numbers[0], numbers[1], numbers[5]):
        grid = row.reshape(300, 300)
        for one, other in ((grid[1:], grid[:-1]), (grid[:, 1:], grid[:, :-1])):
            assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.015


def test_following_keys_neither_repeat_nor_resemble_each_other():
    chain = _chain(SEED, 20000)
    assert len(np.unique(chain)) == len(chain)
    values = _numbers(chain)[0]
    assert abs(np.corrcoef(values[1:], values[:-1])[0, 1]) < 0.03
    assert all(one != other for one, other in pairwise(chain[:100]))
