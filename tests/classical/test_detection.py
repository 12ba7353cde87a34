from dataclasses import replace

import numpy as np
import pytest

from gennari.classical.detection import DetectionSettings, d2_along, detect_borders
from gennari.classical.hotelling import d2_by_block, f_of_d2
from gennari.classical.stability import peak_heights, steady_height
from gennari.classical.surrogates import surrogate

FEW = DetectionSettings(blocks=tuple(range(6, 13)), surrogates=39)


def with_border(x, at, size):
    stepped = x.copy()
    stepped[at + 1 :] += size * x.std(axis=0)
    return stepped


@pytest.mark.parametrize("closed", [False, True])
def test_borders_are_found_at_their_gaps(rng, correlated, closed):
    x = with_border(correlated(160, closed=closed), 70, 6.0)
    found = detect_borders(x, closed, rng, FEW)
    near = np.abs(found.gap - 70) <= 1
    assert near.sum() == 1
    assert found.share[near] == 1.0
    assert found.p_value[near] == 1 / 40
    # a closed piece steps back at its start
    assert (np.minimum(found.gap, 160 - found.gap).min() <= 1) == closed


def test_what_is_said_of_a_border_belongs_together(rng, correlated):
    found = detect_borders(with_border(correlated(150), 60, 6.0), False, rng, FEW)
    assert len(found.gap) >= 1
    for k, gap in enumerate(found.gap):
        row = FEW.blocks.index(found.block[k])
        near = found.d2_by_block[row, int(gap) - 3 : int(gap) + 5]
        assert found.d2[k] == pytest.approx(np.nanmax(near))
        assert found.threshold[k] == found.threshold_by_block[row, int(gap)]
        assert found.d2[k] > found.threshold[k]
        f, p_of_f = f_of_d2(found.d2[k : k + 1], int(found.block[k]), 3)
        assert (found.f[k], found.p_of_f[k]) == pytest.approx((f[0], p_of_f[0]))
        assert found.p_of_f[k] < 1e-3 < found.p_value[k] <= FEW.alpha


def test_the_level_is_that_of_surrogates_that_went_the_whole_way(rng, correlated):
    x = correlated(90)
    settings = replace(FEW, alpha=0.4)
    found = detect_borders(x, False, np.random.default_rng(3), settings)
    again = np.random.default_rng(3)
    draws = [peak_heights(d2_by_block(surrogate(x, again), FEW.blocks)) for _ in range(39)]
    unit = np.quantile([draw.max(axis=1) for draw in draws], 0.6, axis=0)
    steady = sorted(steady_height(draw / unit[:, None], 3, 0.5).max() for draw in draws)
    assert found.threshold_by_block[:, :89] == pytest.approx(np.tile(unit[:, None] * steady[39 - 16], 89), rel=1e-5)


def test_as_many_homogeneous_pieces_have_a_border_as_alpha_says(rng, correlated):
    settings = replace(FEW, alpha=0.2, surrogates=19)
    some = [len(detect_borders(correlated(80), False, rng, settings).gap) > 0 for _ in range(100)]
    assert 8 <= sum(some) <= 33  # 20 expected, 99.9 % of draws; F's p-values would find borders in nearly all


@pytest.mark.parametrize(("alpha", "surrogates"), [(0.05, 18), (0.0, 99), (1.0, 99)])
def test_surrogates_too_few_for_alpha_are_refused(alpha, surrogates):
    with pytest.raises(ValueError, match="draw more of them"):
        DetectionSettings(alpha=alpha, surrogates=surrogates)


@pytest.mark.parametrize("share", [0.0, 1.1])
def test_a_share_of_no_block_size_is_refused(share):
    with pytest.raises(ValueError, match="share of the block sizes"):
        DetectionSettings(share=share)


def test_missing_rows_cost_what_they_cover(rng, correlated):
    x = with_border(correlated(200), 60, 6.0)
    x[[20, 21]] = np.nan  # bridged
    x[100:110, 1] = np.nan  # cuts
    x[120:135] = np.nan  # leaves a run of ten rows
    found = detect_borders(x, False, rng, FEW)
    assert found.rows_left_out == 2 + 10 + 15 + 10
    assert np.abs(found.gap - 60).min() <= 1
    assert np.isnan(found.d2_by_block[:, 99:135]).all()
    assert np.isfinite(found.d2_by_block[0, 19:22]).all()
    rows = np.delete(x[:100], [20, 21], axis=0)
    assert found.d2_by_block[:, 60] == pytest.approx(d2_by_block(rows, FEW.blocks)[:, 58])


def test_holes_of_any_length_may_be_bridged(rng, correlated):
    x = correlated(60)
    x[30:34] = np.nan
    assert np.isnan(d2_along(x, False, FEW)[0, 29:34]).all()
    bridged = d2_along(x, False, replace(FEW, bridge_rows=4))[0, 29:34]
    assert (bridged == bridged[0]).all()


@pytest.mark.parametrize("rows", [0, 11, 17])
def test_short_and_empty_pieces_have_no_borders(rng, correlated, rows):
    x = np.full((30, 3), np.nan)
    x[:rows] = correlated(rows + 1)[:rows]
    found = detect_borders(x, False, rng, FEW)
    assert found.gap.size == found.d2.size == 0
    assert found.rows_left_out == 30
    assert np.isnan(found.threshold_by_block).all()


def test_the_score_is_d2_wherever_two_blocks_fit(correlated):
    x = correlated(14)
    d2 = d2_along(x, False, FEW)
    assert FEW.shortest_rows == 18
    assert np.isfinite(d2).sum(axis=1).tolist() == [3, 1, 0, 0, 0, 0, 0]
    assert d2_along(correlated(40), True, FEW).shape == (7, 40)


def test_more_surrogates_than_alpha_needs_tell_smaller_p_values_apart(rng, correlated):
    x = with_border(correlated(100), 50, 8.0)
    for surrogates in (19, 79):
        found = detect_borders(x, False, rng, replace(FEW, surrogates=surrogates))
        assert found.p_value.min() == 1 / (surrogates + 1)


@pytest.mark.parametrize("closed", [False, True])
def test_stretches_have_thresholds_of_their_own_and_no_gap_is_lost(rng, correlated, closed):
    x = np.concatenate([correlated(150), 20 * correlated(150)])
    # one border where two stretches meet, one beside it
    x = with_border(with_border(x, 74, 3.0), 225, 3.0)
    settings = replace(FEW, stretch_rows=174)
    found = detect_borders(x, closed, rng, settings)
    near = [int((np.abs(found.gap - at) <= 3).sum()) for at in (74, 149, 225)]
    assert max(near) == 1
    assert near[2] == 1
    assert np.diff(found.gap).min() > 6
    whole = detect_borders(x, closed, rng, FEW)
    assert found.d2_by_block == pytest.approx(whole.d2_by_block, rel=1e-6, nan_ok=True)
    assert len(np.unique(whole.threshold_by_block[0, :299])) == 1
    assert len(np.unique(found.threshold_by_block[0, :299])) == 2
    assert found.rows_left_out == 0
