import numpy as np
import pytest
from pydantic import ValidationError

from gennari.errors import InputError
from gennari.sampling.degrees import fitted_exponent
from gennari.sampling.pairs import PairSettings, by_source, draw_pairs, summarise_pairs


def keeps_every_law(table, first, second) -> None:
    n = len(table)
    assert len(first) == n  # as many as patches
    assert set(first) | set(second) == set(range(n))  # each at least once
    assert (first != second).all()
    assert len({frozenset(p) for p in zip(first.tolist(), second.tolist(), strict=True)}) == n
    assert (table.split[first] == table.split[second]).all()


@pytest.mark.parametrize(("n", "fraction"), [(60, 0.01), (400, 0.05), (2000, 0.01), (2000, 0.5)])
def test_hub_pairs_keep_every_law(n, fraction, rng, make_patches):
    table = make_patches(n)
    first, second = draw_pairs(table, PairSettings(hub_fraction=fraction), rng)
    keeps_every_law(table, first, second)
    assert (table.side[first] == table.side[second]).all()
    assert not set(first) & set(second)  # hubs meet no hubs
    group = table.side * 2 + (table.split == "train")
    counts = np.bincount(group)
    assert (np.bincount(group[first]) == counts).all()
    assert len(set(first)) == sum(max(2, round(fraction * c)) for c in counts)


@pytest.mark.parametrize("n", [40, 400, 4000])
def test_configuration_pairs_keep_every_law_and_a_power_law_of_all_patches(n, rng, make_patches):
    table = make_patches(n)
    settings = PairSettings(degrees="configuration")
    first, second = draw_pairs(table, settings, rng)
    keeps_every_law(table, first, second)
    assert (table.side[first] == table.side[second]).all()
    degree = np.bincount(np.concatenate([first, second]))
    assert degree.mean() == 2
    if n == 4000:  # four groups of about a thousand; P(1) = 1 / zeta(2.35)
        assert (degree == 1).mean() == pytest.approx(0.70, abs=0.04)
        assert all(25 <= found.k_max <= 45 for found in summarise_pairs(table, first, second, settings).values())


def test_pairs_may_span_the_hemispheres_when_asked_to(rng, make_patches):
    table = make_patches(400)
    settings = PairSettings(cross_hemisphere=True, hub_fraction=0.05)
    first, second = draw_pairs(table, settings, rng)
    keeps_every_law(table, first, second)
    assert (table.side[first] != table.side[second]).mean() == pytest.approx(0.5, abs=0.1)
    assert set(summarise_pairs(table, first, second, settings)) == {"P, B, train", "P, B, test"}


@pytest.mark.parametrize("degrees", ["hubs", "configuration"])
def test_the_smallest_group_can_be_paired(degrees, rng, make_patches):
    table = make_patches(4, splits=("train",)).take(np.zeros(4, int))
    keeps_every_law(table, *draw_pairs(table, PairSettings(degrees=degrees), rng))


def test_too_small_a_group_is_refused_by_name(rng, make_patches):
    table = make_patches(3, splits=("val",)).take(np.zeros(3, int))
    with pytest.raises(InputError, match=r"got 3 in P, [LR], val"):
        draw_pairs(table, PairSettings(), rng)


def test_the_source_has_more_pairs_or_the_lower_row(rng, make_patches):
    source, target = by_source(np.array([4, 1, 1, 3]), np.array([2, 0, 2, 5]), 6)
    assert source.tolist() == [2, 1, 1, 3]  # rows 1 and 2 have two pairs each, 3 and 5 one each
    assert target.tolist() == [4, 0, 2, 5]


def test_the_summary_counts_sources_and_degrees_of_each_group(make_patches):
    table = make_patches(60, splits=("train",))
    rows = np.concatenate([np.flatnonzero(table.side == 0)[:6], np.flatnonzero(table.side == 1)[:4]])
    pairs = np.array([0, 0, 0, 1, 1, 6, 7]), np.array([2, 3, 4, 5, 2, 8, 9])
    summary = summarise_pairs(table.take(rows), *pairs, PairSettings())
    left, right = summary["P, L, train"], summary["P, R, train"]
    assert (left.pairs, left.sources, left.k_min, left.k_max) == (5, 2, 2, 3)
    assert left.exponent == pytest.approx(1 + 2 / (np.log(3 / 1.5) + np.log(2 / 1.5)))
    assert (right.pairs, right.sources) == (2, 2)
    assert np.isnan(right.exponent)
    everyone = summarise_pairs(table.take(rows), *pairs, PairSettings(degrees="configuration"))["P, L, train"]
    assert (everyone.sources, everyone.k_min, everyone.k_max) == (2, 1, 3)
    assert everyone.exponent == pytest.approx(fitted_exponent(np.array([3, 2, 2, 1, 1, 1])))


def test_unknown_settings_are_refused():
    with pytest.raises(ValidationError):
        PairSettings.model_validate({"k_min": 3})
