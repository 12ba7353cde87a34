import numpy as np
import pytest

from gennari.classical.alignment import aligned, carried_on

MARGIN, DEPTHS = 6, 30


def layered(shift) -> np.ndarray:
    """Profiles with layers that lie `shift` samples deeper than said."""
    depth = np.arange(-MARGIN, DEPTHS + MARGIN) - np.asarray(shift)[:, None]
    return 100 + 60 * np.sin(depth / 5) * np.exp(-(((depth - 15) / 14) ** 2))


def test_traverses_go_on_straight_beyond_both_surfaces():
    line = np.linspace([10.0, 20.0], [40.0, 80.0], 7)[:, None]
    longer = carried_on(line, 2)[:, 0]
    assert longer == pytest.approx(np.linspace([0.0, 0.0], [50.0, 100.0], 11))
    assert np.array_equal(carried_on(line, 0), line)


@pytest.mark.parametrize("closed", [False, True])
def test_profiles_are_moved_to_where_their_layers_lie(closed):
    true = 3 * np.sin(2 * np.pi * np.arange(160) / 160)
    profiles, shift = aligned(layered(true), MARGIN, closed)
    inner = slice(0, 160) if closed else slice(12, 148)
    assert shift[inner] - shift.mean() == pytest.approx(true[inner] - true.mean(), abs=0.35)
    assert profiles.shape == (160, DEPTHS)
    before = layered(true)[:, MARGIN:-MARGIN]
    assert profiles[inner].std(axis=0).mean() < 0.2 * before[inner].std(axis=0).mean()


def test_profiles_that_agree_stay_where_they_are():
    given = layered(np.zeros(50))
    profiles, shift = aligned(given, MARGIN)
    assert shift == pytest.approx(np.zeros(50), abs=0.01)
    assert profiles == pytest.approx(given[:, MARGIN:-MARGIN], abs=0.1)


def test_unknown_profiles_stay_unknown_and_move_no_other():
    given = layered(np.zeros(50))
    given[20:24] = np.nan
    profiles, shift = aligned(given, MARGIN)
    assert np.flatnonzero(np.isnan(profiles).any(axis=1)).tolist() == [20, 21, 22, 23]
    assert np.abs(shift).max() < 0.01
    assert np.isnan(aligned(np.full((5, 20), np.nan), 2)[0]).all()


def test_a_margin_beyond_the_image_counts_as_the_last_sample(rng):
    given = layered(np.sin(np.arange(60) / 5))
    held = given.copy()
    held[20:30, -3:] = np.nan
    held[20:30, :MARGIN] = np.nan
    filled = given.copy()
    filled[20:30, -3:] = given[20:30, [-MARGIN - 1]]
    filled[20:30, :MARGIN] = given[20:30, [MARGIN]]
    filled[20:30, -MARGIN:-3] = given[20:30, -MARGIN:-3]
    for one, other in zip(aligned(held, MARGIN), aligned(filled, MARGIN), strict=True):
        assert one == pytest.approx(other)


def test_without_a_margin_nothing_moves(rng):
    given = rng.random((9, 12))
    profiles, shift = aligned(given, 0)
    assert np.array_equal(profiles, given)
    assert not shift.any()
