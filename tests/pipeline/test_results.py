"""The files of the table: whole or half finished, from cells alone."""

import csv
import io
import json
import re

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.pipeline.results import write_results
from gennari.pipeline.rows import CONTROLS, PAPER_DICE_FALL, PAPER_ERR_SEG_FALL, ROWS, label
from gennari.pipeline.statistics import make_table
from gennari.pipeline.table_words import notes, text_table
from gennari.report.style import to_png

HITS = {(brain, section): 4 * section + 2 for brain in "AB" for section in (1, 2)}


@pytest.fixture
def cells(make_cell):
    """Two seeds of every row and control; each row finds one pixel more than the row before."""
    found = []
    for k, row in enumerate((*ROWS, *CONTROLS)):
        gain = k if row in ROWS else 0
        changes = {"convergence": ((1.0, 12.0), (2.0, 9.5)), "patches": 3000} if 0 < k < len(ROWS) else {}
        hits = {place: n + gain for place, n in HITS.items()}
        found += [make_cell(row, s, hits, dict.fromkeys(HITS, 10.0 - gain), **changes) for s in (1, 2)]
    return found


def pictures(text: str) -> list[str]:
    return re.findall(r"!\[[^]]*\]\(([^)]+)\)", text)


@pytest.fixture
def small_pictures(monkeypatch):
    monkeypatch.setattr("gennari.pipeline.results.to_png", lambda figure, dpi: to_png(figure, dpi=20))


@pytest.mark.usefixtures("small_pictures")
def test_every_file_is_written_and_every_picture_of_the_page_is_there(cells, rng, tmp_path):
    found = write_results(tmp_path, cells, rng)
    page = (tmp_path / "reproduce.md").read_text()
    assert [name for name in pictures(page) if not (tmp_path / name).is_file()] == []
    assert len(pictures(page)) == 6
    assert set(found.paths) == set(tmp_path.iterdir())
    assert json.loads((tmp_path / "reproduce.json").read_text()) == json.loads(json.dumps(found.document))
    assert "1 − Dice falls by" in page
    assert f"the paper: {PAPER_DICE_FALL:.1%}" in page
    lines = list(csv.DictReader(io.StringIO((tmp_path / "reproduce.csv").read_text())))
    assert [line["name"] for line in lines] == [*ROWS, *CONTROLS]
    assert float(lines[4]["dice"]) == pytest.approx((8 + 4) / 20)
    assert float(lines[4]["paired_dice_low"]) == pytest.approx(0.2)
    assert lines[0]["finished"] == "2 of 2"


def test_the_same_cells_and_draws_give_the_same_files(cells, tmp_path, monkeypatch):
    # that one figure always gives the same bytes is tested in report/
    monkeypatch.setattr("gennari.pipeline.results.to_png", lambda figure, dpi: b"")
    for name in ("one", "two"):
        order = cells if name == "one" else cells[::-1]
        write_results(tmp_path / name, order, np.random.default_rng(4))
    for path in (tmp_path / "one").iterdir():
        assert path.read_bytes() == (tmp_path / "two" / path.name).read_bytes(), path.name


@pytest.mark.usefixtures("small_pictures")
def test_one_finished_cell_makes_a_page(make_cell, rng, tmp_path):
    found = write_results(tmp_path, [make_cell("few-coord", 1, HITS)], rng, seeds=(1, 2, 3), stem="lobo")
    page = (tmp_path / "lobo.md").read_text()
    assert pictures(page) == []
    assert "Not finished: baseline: 0 of 3 seeds; few, l_dist: 0 of 3 seeds; few, l_coord: 1 of 3 seeds;" in page
    assert "not known yet" in page
    assert "few, l_coord" in found.table
    assert [row["dice"] for row in found.document["rows"]] == [None, None, 0.4, None, None]


@pytest.mark.usefixtures("small_pictures")
def test_cells_that_make_no_table_leave_no_file(cells, make_cell, rng, tmp_path):
    with pytest.raises(InputError, match="share their split"):
        write_results(tmp_path, [*cells, make_cell("few-L", 3, HITS, split="lobo")], rng)
    assert list(tmp_path.iterdir()) == []


def test_the_notes_name_the_best_baseline_and_what_l_is_not_above(make_cell, rng):
    def cell(row: str, gain: int, **changes: object):
        return make_cell(row, 1, {place: n + gain for place, n in HITS.items()}, **changes)

    cells = [
        cell("baseline", 0, loss_tail=((1, 2.0), (2, 1.0))), cell("many-L", 3), cell("baseline-3x", 1),
        cell("permuted-targets", 4), cell("transductive", 5), cell("annotators", 6),
    ]  # fmt: skip
    found = notes(make_table(cells, rng))
    assert "Under-trained, the loss still fell by more than 5% at the end: baseline (seed 1)" in found
    assert (
        "Best baseline: baseline, three times the iterations, Dice 0.450; "
        "the full L minus it: +0.100 [+0.100, +0.100]" in found
    )
    assert (
        "The full L is above 1 of 2 controls in Dice (interval excludes 0); not above: pretext on permuted targets"
        in found
    )


def test_the_terminal_table_has_a_line_a_row_in_the_papers_order(cells, rng):
    lines = text_table(make_table(cells, rng)).splitlines()
    assert [line.split("  ")[0] for line in lines[1:6]] == ["baseline", "3k, l_dist", "3k, l_coord", "3k, L", "3k, L"]
    assert "0.600 [" in lines[5]
    assert "+0.200 [+0.200, +0.200]" in lines[5]


def test_the_papers_gains_are_those_of_its_table():
    assert pytest.approx(0.286, abs=5e-4) == PAPER_DICE_FALL
    assert pytest.approx(0.321, abs=5e-4) == PAPER_ERR_SEG_FALL


def test_labels_say_the_number_of_patches():
    assert [label("many-L", n) for n in (0, 800, 18_000, 18_500)] == ["many, L", "800, L", "18k, L", "18.5k, L"]
    assert label("baseline", 0) == "baseline"
