"""The ceiling: pooled over the held-out sections as the methods are, above every table, or nowhere."""

from collections import defaultdict

import numpy as np
import pytest
from matplotlib.figure import Figure

from gennari.metrics.overlap import dice_per_class
from gennari.pipeline.ceiling import Ceiling, ceiling, ceiling_words, mutual_sections
from gennari.pipeline.demo import outcome
from gennari.pipeline.evaluation import Summary, evaluate_stage
from gennari.pipeline.learning import read_distance_error
from gennari.pipeline.sampling import sections_of
from gennari.pipeline.stages import open_run
from gennari.pipeline.words import content
from gennari.report.page import ReportFigure, render_page
from gennari.report.style import to_png
from gennari.sources.dataset import write_observers
from gennari.sources.documents import read_json
from gennari.sources.manifests import Observers


def _counts(*entries: tuple[int, int, int]) -> tuple[tuple[int, ...], ...]:
    counts = np.zeros((16, 16), int)
    for row, col, pixels in entries:
        counts[row, col] = pixels
    return tuple(tuple(row) for row in counts.tolist())


@pytest.fixture
def two(copied):
    """A copy of the data set whose brain A has two sections with known agreements."""
    dataset = open_run(copied / "run").dataset
    brain = dataset.brain("A")
    perfect = _counts((3, 3, 10))
    for section, mutual in zip(brain.sections, (_counts((3, 3, 6), (3, 4, 2)), _counts((4, 4, 9))), strict=True):
        stored = Observers(spacing_um=64.0, jitter_mm=(0.2, 0.5), mutual=mutual, first=perfect, second=perfect)
        write_observers(dataset.root, "A", section.id, stored)
    return dataset


def test_confusions_are_pooled_before_dice(two):
    found = ceiling(two, {"A": two.brain("A").sections})
    # class 3: 2 * 6 / (8 + 6), class 4: 2 * 9 / (9 + 11)
    expected = (12 / 14 + 18 / 20) / 2
    assert found is not None
    assert found.mutual == pytest.approx(expected)
    assert (found.first, found.second, found.sections, found.spacing_um) == (1.0, 1.0, 2, 64.0)


def test_a_data_set_that_does_not_know_its_observers_has_none(two):
    brain = two.brain("A")
    assert ceiling(two, {}) is None
    (brain.folder / "truth" / f"{brain.sections[0].id:04d}.observers.json").unlink()
    assert brain.observers(brain.sections[0].id) is None
    assert ceiling(two, {"A": brain.sections}) is None
    assert ceiling(two, {"A": brain.sections[1:]}) is not None


def test_the_observers_stand_in_a_cell_with_their_confusions_only(two):
    brain = two.brain("A")
    found = mutual_sections(two, {"A": brain.sections})
    assert found is not None
    assert [(s.brain, s.section) for s in found] == [("A", section.id) for section in brain.sections]
    assert found[0].confusion == _counts((3, 3, 6), (3, 4, 2))
    assert found[0].error is None
    (brain.folder / "truth" / f"{brain.sections[0].id:04d}.observers.json").unlink()
    assert mutual_sections(two, {"A": brain.sections}) is None
    assert mutual_sections(two, {}) is None


def test_the_line_says_how_far_two_observers_agree():
    found = Ceiling(mutual=0.912, first=0.951, second=0.934, sections=4, spacing_um=64.0)
    assert ceiling_words(found) == (
        "ceiling: two observers agree with Dice 0.91 over areas on these 4 held-out sections "
        "(each against the truth 0.95, 0.93)"
    )


def test_the_summary_holds_the_ceiling_of_the_held_out_sections(finished):
    saved = read_json(finished.path("summary.json"), Summary).ceiling
    held_out = sections_of(finished, "test")
    assert saved == ceiling(finished.dataset, held_out)
    assert saved is not None
    stored = [finished.dataset.brain(name).observers(s.id) for name, part in held_out.items() for s in part]
    pooled = sum(np.array(observers.mutual) for observers in stored if observers)
    assert saved.mutual == pytest.approx(np.nanmean(dice_per_class(np.asarray(pooled))[3:]))
    assert 0.7 < saved.mutual < min(saved.first, saved.second) < 1


def test_it_stands_above_the_tables(finished):
    saved = read_json(finished.path("summary.json"), Summary).ceiling
    assert saved is not None
    found = outcome(finished)
    assert found.table.splitlines()[0] == ceiling_words(saved)
    assert found.figures["dice_annotators"] == saved.mutual
    page = finished.path("report.html").read_text(encoding="utf-8")
    line = ceiling_words(saved).removeprefix("c")
    assert page.index(line) < page.index("<table")
    # and again between the title of the table of methods and its rows
    assert line in page[page.index("With and without pre-training") : page.index("<table")]


def test_without_observers_no_ceiling_is_printed(copied, ticks):
    for path in (copied / "dataset/brains").glob("*/truth/*.observers.json"):
        path.unlink()
    (copied / "run/receipts/evaluate.json").unlink()
    run = open_run(copied / "run")
    evaluate_stage(run, ticks.append)
    summary = read_json(run.path("summary.json"), Summary)
    assert summary.ceiling is None
    found = outcome(run)
    assert "ceiling" not in found.table
    assert found.figures["dice_annotators"] is None
    png = to_png(Figure(figsize=(1, 1)), dpi=20)
    figures = defaultdict(lambda: ReportFigure(title="", caption="", png=png))
    page = render_page(content(run, summary, read_distance_error(run), figures))
    assert "With and without pre-training" in page
    assert "observers agree" not in page
