import numpy as np
import pytest

from gennari.classical.runs import Run, Stretch, gap_of_piece, known_runs, spread_over_gaps, stretches


def runs(known: str, closed: bool, bridge_rows: int):
    found = known_runs(np.array([letter == "x" for letter in known]), closed, bridge_rows)
    return [(run.rows.tolist(), run.closed) for run in found]


def test_long_holes_cut_a_piece_and_short_ones_do_not():
    assert runs("xx.xx...x", False, 1) == [([0, 1, 3, 4], False), ([8], False)]
    assert runs("xx.xx...x", False, 0) == [([0, 1], False), ([3, 4], False), ([8], False)]
    assert runs("xx.xx...x", False, 3) == [([0, 1, 3, 4, 8], False)]
    assert runs("....", True, 3) == runs("....", False, 3) == []


def test_a_closed_piece_goes_on_over_its_start():
    assert runs("xx.xx...x", True, 1) == [([8, 0, 1, 3, 4], False)]
    assert runs("xx...xx..xx", True, 1) == [([5, 6], False), ([9, 10, 0, 1], False)]
    assert runs("xx.xx...x", True, 3) == [([0, 1, 3, 4, 8], True)]


def test_a_closed_piece_with_a_hole_at_its_start_is_open():
    assert runs("..xx.xx..", True, 3) == [([2, 3, 5, 6], False)]
    assert runs("..xx.xx..", True, 4) == [([2, 3, 5, 6], True)]


@pytest.mark.parametrize("closed", [False, True])
def test_values_stand_at_their_gaps_and_at_all_gaps_of_a_hole(closed):
    out = np.full((1, 7), np.nan)
    run = Run(rows=np.array([5, 6, 0, 3]), closed=closed)
    spread_over_gaps(np.array([[10.0, 11, 12, 13]]), Stretch(run=run, first=0, last=4), out)
    # rows 5|6 10, 6|0 11, 0|3 12 over three gaps, 3|5 13 where the run is closed
    last = 13.0 if closed else np.nan
    assert out[0] == pytest.approx([12, 12, 12, last, last, 10, 11], nan_ok=True)


def test_a_stretch_writes_only_what_it_answers_for():
    out = np.full(7, np.nan)
    spread_over_gaps(np.arange(5.0), Stretch(run=Run(rows=np.arange(1, 6), closed=False), first=1, last=3), out)
    assert out == pytest.approx([np.nan, np.nan, 1, 2, np.nan, np.nan, np.nan], nan_ok=True)


@pytest.mark.parametrize("closed", [False, True])
@pytest.mark.parametrize(("rows", "longest"), [(100, 100), (101, 100), (997, 100), (157, 60)])
def test_stretches_answer_for_each_gap_once_and_from_well_inside(closed, rows, longest):
    overlap = 20
    run = Run(rows=(np.arange(rows) + 7) % rows if closed else np.arange(rows) + 3, closed=closed)
    parts = stretches(run, longest, overlap)
    assert (len(parts) == 1) == (rows <= longest)
    answered = []
    for part in parts:
        assert len(part.run.rows) <= longest
        assert len(parts) == 1 or not part.run.closed
        answered += part.run.rows[part.first : part.last].tolist()
        for end, row in ((part.first, part.run.rows[0]), (len(part.run.rows) - part.last, part.run.rows[-1])):
            at_an_end = not part.run.closed and not closed and row in (run.rows[0], run.rows[-1])
            assert end == (0 if at_an_end or part.run.closed else overlap // 2)
    assert sorted(answered) == sorted(run.rows.tolist())
    lengths = [len(part.run.rows) for part in parts]
    assert max(lengths) - min(lengths) <= 1


def test_stretches_no_longer_than_they_overlap_are_refused():
    with pytest.raises(ValueError, match="longer than they overlap, got 20 and 20"):
        stretches(Run(rows=np.arange(90), closed=False), 20, 20)


@pytest.mark.parametrize(
    ("gap", "expected"), [(0.0, 5.0), (1.0, 6.0), (1.5, 6.5), (2.0, 1.0), (2.5, 2.5), (3.0, 3.5), (3.5, 4.5)]
)
def test_a_gap_of_a_run_is_half_way_between_its_rows(gap, expected):
    run = Run(rows=np.array([5, 6, 0, 3]), closed=True)
    assert gap_of_piece(gap, run, 7) == pytest.approx(expected)


def test_gaps_of_a_whole_piece_keep_their_numbers():
    for closed in (False, True):
        run = Run(rows=np.arange(9), closed=closed)
        assert [gap_of_piece(gap, run, 9) for gap in (0.0, 3.5, 7.0)] == [0.0, 3.5, 7.0]
