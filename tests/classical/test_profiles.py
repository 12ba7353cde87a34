import numpy as np
import pytest
from scipy import stats

from gennari.classical.profiles import FEATURE_NAMES, profile_features


def test_features_are_the_moments_of_a_sample_with_those_counts(rng):
    counts = rng.integers(1, 60, (4, 21))
    got = profile_features(counts.astype(float))
    x = np.linspace(0, 100, 21)
    for row, y in zip(got, counts, strict=True):
        sample = np.repeat(x, y)
        assert row[:5] == pytest.approx(
            [y.mean(), sample.mean(), sample.std(), stats.skew(sample), stats.kurtosis(sample, fisher=False)]
        )


def test_slope_features_are_those_of_the_central_differences(rng):
    y = rng.uniform(1, 2, 15)
    x = np.linspace(0, 100, 15)
    slope = [abs(y[1] - y[0]) / x[1], *(abs(y[2:] - y[:-2]) / (2 * x[1])), abs(y[-1] - y[-2]) / x[1]]
    got = dict(zip(FEATURE_NAMES, profile_features(y[None])[0], strict=True))
    assert got["mean_dy"] == pytest.approx(np.mean(slope))
    assert got["centre_dy"] == pytest.approx(np.average(x, weights=slope))
    variance = np.average((x - got["centre_dy"]) ** 2, weights=slope)
    assert got["deviation_dy"] == pytest.approx(np.sqrt(variance))
    assert got["skewness_dy"] == pytest.approx(np.average((x - got["centre_dy"]) ** 3, weights=slope) / variance**1.5)
    assert got["kurtosis_dy"] == pytest.approx(np.average((x - got["centre_dy"]) ** 4, weights=slope) / variance**2)


def test_a_symmetric_profile_is_centred_and_not_skew():
    got = profile_features(np.array([[1.0, 2, 5, 2, 1]]))[0]
    assert got[1] == pytest.approx(50)
    assert got[3] == pytest.approx(0)


@pytest.mark.parametrize(
    ("profile", "match"),
    [
        ([1.0, -1, 2, 3], "profile 0 does not"),
        ([2.0, 2, 2, 2], "slope of profile 0 does not"),
        ([0.0, 0, 0, 0], "profile 0 does not"),
        ([np.nan, 1, 2, 3], "profile 0 does not"),
    ],
)
def test_profiles_that_have_no_moments_are_refused(profile, match):
    with pytest.raises(ValueError, match=match):
        profile_features(np.array([profile]))
