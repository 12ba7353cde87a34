"""Sections worth annotating: far from annotated ones, unsure, or with areas that nobody annotated."""

from collections.abc import Sequence

import numpy as np
import pytest

from gennari.sampling import suggest as module
from gennari.sampling.suggest import Candidates, suggest


def _candidates(
    position_mm: Sequence[float],
    annotated: Sequence[int] = (),
    uncertainty: Sequence[float] | None = None,
    shows: np.ndarray | None = None,
    covered: Sequence[bool] = (False,),
    shut: Sequence[int] = (),
) -> Candidates:
    n = len(position_mm)
    return Candidates(
        position_mm=np.asarray(position_mm, float),
        annotated=np.isin(np.arange(n), annotated),
        open=~np.isin(np.arange(n), shut),
        uncertainty=np.full(n, np.nan) if uncertainty is None else np.asarray(uncertainty, float),
        shows=np.zeros((n, len(covered)), bool) if shows is None else shows,
        covered=np.asarray(covered, bool),
    )


def _chosen(candidates: Candidates, count: int) -> list[int]:
    return [one.index for one in suggest(candidates, count)]


def test_the_first_section_of_a_brain_is_its_middle_and_the_next_halve_what_is_left():
    line = np.arange(0, 21.0)
    first, second, third = suggest(_candidates(line), 3)
    assert first.index == 10
    assert first.nearest_mm == np.inf
    assert {second.index, third.index} == {3, 17} or {second.index, third.index} == {4, 16}
    assert second.nearest_mm == abs(second.index - 10)


@pytest.mark.parametrize("at_once", [4, 256])
def test_what_is_nearer_is_the_double_loop_over_all_sections(rng, monkeypatch, at_once):
    monkeypatch.setattr(module, "AT_ONCE", at_once)
    position, unsure = np.sort(rng.uniform(0, 80, 25)), rng.uniform(0, 1, 25)
    candidates = _candidates(position, annotated=(4, 20), uncertainty=unsure)

    def way(to: Sequence[int]) -> float:
        return sum(unsure[n] * min(abs(position[n] - position[m]) for m in to) for n in range(25))

    (found,) = suggest(candidates, 1)
    gains = {n: (way([4, 20]) - way([4, 20, n])) / way([4, 20]) for n in range(25) if n not in (4, 20)}
    assert found.index == max(gains, key=lambda n: gains[n])
    assert found.nearer == pytest.approx(gains[found.index])


def test_an_unsure_stretch_draws_sections():
    line, unsure = np.arange(0, 41.0), np.full(41, 0.1)
    unsure[28:36] = 0.9
    assert _chosen(_candidates(line, annotated=(0, 20, 40), uncertainty=unsure), 1)[0] in range(28, 36)
    even = _chosen(_candidates(line, annotated=(0, 20, 40), uncertainty=np.full(41, 0.1)), 2)
    assert sorted(even) == [9, 29]  # 10 and 30 are as good: of equal ones the first


def test_a_section_without_a_map_counts_as_a_mean_one():
    line = np.arange(0, 11.0)
    unsure = np.where(line < 5, np.nan, 0.4)
    assert _chosen(_candidates(line, (0, 10), unsure), 3) == _chosen(_candidates(line, (0, 10)), 3)


def test_areas_that_nobody_annotated_come_first_and_count_once():
    line, shows = np.arange(0, 31.0), np.zeros((31, 3), bool)
    shows[:, 0] = True
    shows[2:4, 1] = shows[3:5, 2] = True
    candidates = _candidates(line, annotated=(1,), shows=shows, covered=(True, False, False))
    first, second = suggest(candidates, 2)
    assert (first.index, first.new_areas) == (3, (1, 2))  # the one section that shows both
    assert second.new_areas == ()
    assert second.index > 10


def test_sections_that_are_annotated_or_shut_are_not_suggested():
    line = np.arange(0, 6.0)
    assert sorted(_chosen(_candidates(line, annotated=(0, 2), shut=(5,)), 10)) == [1, 3, 4]


def test_sections_in_one_place_are_suggested_all_the_same():
    assert len(_chosen(_candidates([1.0, 1.0, 1.0], annotated=(0,)), 2)) == 2


def test_an_uncertainty_beyond_1_is_refused():
    with pytest.raises(ValueError, match=r"an uncertainty lies in 0\.\.1, got 0\.1\.\.1\.2"):
        suggest(_candidates([0.0, 1.0, 2.0], uncertainty=[0.1, 1.2, 0.3]), 1)
