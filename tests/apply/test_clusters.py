import numpy as np
import pytest

from gennari.apply import clusters
from gennari.apply.clusters import feature_clusters


def far_groups(rng: np.random.Generator, size: int = 40) -> tuple[np.ndarray, np.ndarray]:
    """Three tight groups on a line, and which row is of which, shuffled."""
    group = rng.permutation(np.repeat([0, 1, 2], size))
    centres = np.array([[0.0, 0, 0], [0, 20, 0], [0, 50, 0]])
    return centres[group] + rng.normal(size=(3 * size, 3)), group


def test_groups_that_lie_apart_are_found_and_numbered_along_the_line_they_lie_on(rng: np.random.Generator):
    rows, group = far_groups(rng)
    found = feature_clusters(rows, 3, rng)
    assert np.array_equal(found.label, group)
    oracle = np.stack([rows[group == k].mean(axis=0) for k in range(3)])
    assert np.allclose(found.centres, oracle)
    left = sum(((rows[group == k] - oracle[k]) ** 2).sum() for k in range(3))
    assert found.within_share == pytest.approx(left / ((rows - rows.mean(axis=0)) ** 2).sum())


def test_every_row_belongs_to_the_nearest_centre_and_every_centre_is_the_mean_of_its_rows(rng: np.random.Generator):
    rows = rng.normal(size=(300, 4))
    found = feature_clusters(rows, 5, rng)
    nearest = ((rows[:, None] - found.centres[None]) ** 2).sum(axis=2).argmin(axis=1)
    assert np.array_equal(found.label, nearest)
    assert np.allclose(found.centres, [rows[found.label == k].mean(axis=0) for k in range(5)])


def test_a_row_with_nan_belongs_to_no_group_and_moves_none(rng: np.random.Generator):
    rows, _ = far_groups(rng)
    holed = np.insert(rows, 7, np.nan, axis=0)
    found, whole = (feature_clusters(given, 3, np.random.default_rng(2)) for given in (holed, rows))
    assert found.label[7] == -1
    assert np.array_equal(np.delete(found.label, 7), whole.label)


def test_more_starts_leave_no_more_variance_within_groups():
    rows = np.random.default_rng(0).normal(size=(200, 2))
    shares = [feature_clusters(rows, 8, np.random.default_rng(5), restarts=n).within_share for n in (1, 8)]
    assert shares[1] < shares[0]


def test_rows_beyond_those_that_centres_are_sought_on_are_told_their_group(rng: np.random.Generator, monkeypatch):
    monkeypatch.setattr(clusters, "MOST_ROWS", 30)
    rows, group = far_groups(rng)
    assert np.array_equal(feature_clusters(rows, 3, rng).label, group)


@pytest.mark.parametrize(("count", "rows"), [(3, [[0.0], [0.0], [1.0]]), (0, [[0.0], [1.0]]), (1, [[np.nan]])])
def test_more_groups_than_different_rows_are_refused(count: int, rows: list[list[float]], rng: np.random.Generator):
    with pytest.raises(ValueError, match="need as many different feature vectors"):
        feature_clusters(np.array(rows), count, rng)
