"""The classical method on a run's pieces: its own rows brought to the gaps of places."""

import numpy as np
import pytest

from gennari.classical.detection import DetectionSettings, d2_along
from gennari.execute import silent
from gennari.pipeline.border_profiles import Series, component_series, d2_at_gaps, found_gaps, gap_middles

BLOCK = 10


def rows_with_a_step(rng: np.random.Generator, n: int, at: int, height: float = 6.0) -> np.ndarray:
    rows = rng.normal(size=(n, 3))
    rows[at:, 0] += height
    return rows


def series_of(rows: np.ndarray, length_mm: float, closed: bool, begin: int, end: int) -> Series:
    arc = np.linspace(0, length_mm, len(rows), endpoint=not closed)
    return Series(rows=rows, arc_mm=arc, length_mm=length_mm, closed=closed, begin=begin, end=end)


@pytest.mark.parametrize("closed", [False, True])
def test_gaps_lie_between_rows_and_the_last_of_a_closed_piece_leads_back(closed):
    piece = series_of(np.zeros((5, 1)), 5.0 if closed else 4.0, closed, 0, 5)
    np.testing.assert_allclose(gap_middles(piece), [0.5, 1.5, 2.5, 3.5, 4.5])


def test_components_of_places_have_the_places_as_rows(make_pieces, rng):
    places = make_pieces((30, False), (40, True))
    values = rng.normal(size=(70, 2))
    (only,) = component_series(values, places, [101])
    assert (only.begin, only.end, only.closed) == (30, 70, True)
    np.testing.assert_array_equal(only.rows, values[30:])


@pytest.mark.parametrize("closed", [False, True])
def test_where_rows_are_places_d2_is_that_of_their_gaps(make_pieces, rng, closed):
    places = make_pieces((60, closed))
    values = rows_with_a_step(rng, 60, 30)
    found = d2_at_gaps(component_series(values, places, [100]), places, BLOCK)
    (expected,) = d2_along(values, closed, DetectionSettings(blocks=(BLOCK,)))
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    if not closed:
        assert np.isnan(found[[0, -1]]).all()
    assert np.nanargmax(found) == 29


def test_rows_at_another_step_are_brought_to_the_gaps_of_places(make_pieces, rng):
    places = make_pieces((20, False), (61, False))  # the second piece is 12 mm long
    rows = rows_with_a_step(rng, 121, 61)  # 0.1 mm apart, the step at 6.05 mm
    piece = series_of(rows, 12.0, False, 20, 81)
    found = d2_at_gaps([piece], places, BLOCK)
    assert np.isnan(found[:20]).all()
    (dense,) = d2_along(rows, False, DetectionSettings(blocks=(BLOCK,)))
    row = 20 + 29  # its gap lies at 5.9 mm, between the gaps of rows 58 (5.85 mm) and 59 (5.95 mm)
    assert found[row] == pytest.approx(0.5 * (dense[58] + dense[59]))


@pytest.mark.parametrize(("closed", "at"), [(False, 150), (True, 150)])
def test_the_whole_method_finds_a_step_in_the_gap_that_holds_it(make_pieces, rng, closed, at):
    places = make_pieces((12, False), (200, closed))
    rows = np.repeat(rng.normal(size=(1, 3)), 300, axis=0) + rng.normal(size=(300, 3))
    rows[at : at + 75, 0] += 8
    series = [series_of(rows, float(places.length_mm[-1]), closed, 12, 212)]
    found = found_gaps(series, places, np.random.default_rng(0), silent, "borders")
    arc = places.arc_mm[found] + 0.1
    for border in (at, at + 75):
        true_mm = gap_middles(series[0])[border - 1]
        assert np.abs(arc - true_mm).min() <= 0.4
    assert (found >= 12).all()
