from dataclasses import replace

import numpy as np
import pytest

from gennari.sampling.gaps import gap_arc_mm, gap_brain_mm, gap_centre_um, gap_widths_mm, next_rows, piece_bounds


def test_the_next_row_is_that_of_the_piece_and_a_closed_one_begins_anew(make_pieces):
    places = make_pieces((3, False), (4, True), (1, False))
    assert next_rows(places).tolist() == [1, 2, -1, 4, 5, 6, 3, -1]
    starts, ends = piece_bounds(places)
    assert (starts.tolist(), ends.tolist()) == ([0, 3, 7], [3, 7, 8])
    none = places.take(np.zeros(8, bool))
    assert next_rows(none).tolist() == []


def test_gaps_lie_half_way_between_their_places(make_pieces):
    places = make_pieces((3, False), (4, True))
    places = replace(places, arc_mm=np.array([0.0, 0.1, 0.4, 0.0, 0.2, 0.4, 0.6]))
    nan = np.nan
    assert gap_widths_mm(places) == pytest.approx([0.1, 0.3, nan, 0.2, 0.2, 0.2, 0.2], nan_ok=True)
    assert gap_arc_mm(places) == pytest.approx([0.05, 0.25, nan, 0.1, 0.3, 0.5, 0.7], nan_ok=True)
    at, on = gap_brain_mm(places), gap_centre_um(places)
    mm = places.patches.brain_mm
    for row, following in ((0, 1), (1, 2), (3, 4), (6, 3)):
        assert at[row] == pytest.approx((mm[row] + mm[following]) / 2)
    assert np.isnan(at[2]).all()
    assert np.isnan(on[2]).all()
    assert on.shape == (7, 2)


def test_pieces_in_several_stretches_are_refused(make_pieces):
    places = make_pieces((3, False), (4, True)).take(np.array([0, 3, 1]))
    with pytest.raises(ValueError, match="must follow each other"):
        next_rows(places)
