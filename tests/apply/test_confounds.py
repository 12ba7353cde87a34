from dataclasses import replace

import numpy as np
import pytest

from gennari.apply.confounds import Confounds, confounds_of, fit_confounds, shares_of_peaks


@pytest.fixture
def places(make_pieces, rng):
    made = make_pieces((40, False), (25, True), (10, False))
    n = len(made)
    patches = replace(
        made.patches,
        curvature_per_mm=rng.normal(size=n),
        plane_angle_deg=rng.uniform(10, 90, n),
        tissue_share=rng.uniform(0.5, 1, n),
    )
    return replace(made, patches=patches, thickness_mm=rng.uniform(1, 4, n))


@pytest.fixture
def confounds(rng):
    n = 4000
    return Confounds(
        curvature_per_mm=rng.normal(size=n),
        obliqueness_deg=rng.uniform(0, 80, n),
        thickness_mm=rng.uniform(1, 4, n),
        tissue_share=rng.uniform(0.5, 1, n),
        steps=rng.exponential(size=(n, 4)),
    )


def test_confounds_are_the_means_and_steps_of_the_blocks_beside_each_gap(places):
    got = confounds_of(places, block=6)
    columns = {
        "curvature_per_mm": places.patches.curvature_per_mm,
        "obliqueness_deg": 90 - places.patches.plane_angle_deg,
        "thickness_mm": places.thickness_mm,
        "tissue_share": places.patches.tissue_share,
    }
    for k, (name, values) in enumerate(columns.items()):
        found = getattr(got, name)
        for row in range(len(places)):
            rows = np.flatnonzero(places.piece == places.piece[row])
            at = row - rows[0] + np.arange(-5, 7)
            inside = len(rows) >= 12 and (places.closed[row] or (at[0] >= 0 and at[-1] < len(rows)))
            if not inside:
                assert np.isnan(found[row])
                continue
            around = values[rows[at % len(rows)]]
            assert found[row] == pytest.approx(around.mean())
            assert got.steps[row, k] == pytest.approx(abs(around[6:].mean() - around[:6].mean()))


def test_what_the_confounds_explain_is_taken_out_and_what_they_do_not_stays(confounds, rng):
    n = len(confounds.curvature_per_mm)
    own = rng.normal(scale=0.3, size=n)
    geometry = np.abs(confounds.curvature_per_mm) + np.sin(confounds.obliqueness_deg / 20) + 0.5 * confounds.steps[:, 0]
    score = np.exp(geometry + own)
    training = np.arange(n) < 3000
    model = fit_confounds(score, confounds, training)
    left = np.log(model.without(score, confounds))
    test = ~training
    assert np.corrcoef(left[test], own[test])[0, 1] > 0.95
    assert abs(np.corrcoef(left[test], geometry[test])[0, 1]) < 0.15
    assert left[training].mean() == pytest.approx(np.log(score[training]).mean())
    assert model.gaps == 3000
    assert model.explained == pytest.approx(1 - own.var() / np.log(score).var(), abs=0.03)


def test_lines_are_fitted_exactly_where_the_law_is_one(confounds):
    law = np.exp(0.3 + 0.2 * np.clip(confounds.thickness_mm, *np.quantile(confounds.thickness_mm, (0.01, 0.99))))
    model = fit_confounds(law, confounds, np.ones(len(law), bool))
    assert model.explained == pytest.approx(1)
    assert model.without(law, confounds) == pytest.approx(np.exp(np.log(law).mean()), rel=1e-6)


def test_scores_of_sections_that_were_not_fitted_change_no_weight(confounds, rng):
    score, training = rng.exponential(size=4000), np.arange(4000) < 2000
    model = fit_confounds(score, confounds, training)
    other = np.where(training, score, 1e6)
    assert np.array_equal(fit_confounds(other, confounds, training).weights, model.weights)


def test_gaps_without_a_score_stay_without_and_zero_has_a_floor(confounds, rng):
    score = rng.exponential(size=4000)
    score[:3] = np.nan, 0.0, 1.0
    model = fit_confounds(score, confounds, np.ones(4000, bool))
    left = model.without(score, confounds)
    assert np.isnan(left[0])
    assert 0 < left[1] < left[3:].min()
    with pytest.raises(ValueError, match="needs 98 training gaps with a score at least, and one above 0, got 50"):
        fit_confounds(score, confounds, np.arange(4000) < 51)
    with pytest.raises(ValueError, match="one above 0, got 4000"):
        fit_confounds(np.zeros(4000), confounds, np.ones(4000, bool))


def test_shares_of_peaks_name_border_curvature_and_obliqueness():
    n = 100
    curvature, obliqueness = np.zeros(n), np.zeros(n)
    curvature[:20], obliqueness[10:40] = -1.0, 50.0
    zeros = np.zeros(n)
    confounds = Confounds(
        curvature_per_mm=curvature, obliqueness_deg=obliqueness, thickness_mm=zeros, tissue_share=zeros,
        steps=np.zeros((n, 4)),
    )  # fmt: skip
    score = np.r_[np.full(15, 9.0), np.full(5, 8.0), np.linspace(0, 1, 80)]
    border = np.arange(n) >= 15
    got = shares_of_peaks(score, confounds, border, top_share=0.2)
    assert got == {"border": (0.25, 0.85), "curvature": (1.0, 0.2), "obliqueness": (0.5, 0.3), "none": (0.0, 0.0)}
    few = shares_of_peaks(score, confounds, top_share=0.2, curved_share=0.05, oblique_deg=51.0)
    assert few == {"curvature": (1.0, 0.2), "obliqueness": (0.0, 0.0), "none": (0.0, 0.8)}
    some = np.where(np.arange(n) < 50, score, np.nan)
    assert shares_of_peaks(some, confounds, top_share=0.4)["obliqueness"] == (0.5, 0.6)
    with pytest.raises(ValueError, match="at least one gap with a score"):
        shares_of_peaks(np.full(n, np.nan), confounds)
