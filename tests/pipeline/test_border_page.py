"""The page of borders stands on saved files alone, and says no more than they do."""

import shutil
from pathlib import Path

import pytest

from gennari.pipeline import border_page
from gennari.pipeline.border_evaluation import read_evaluation
from gennari.pipeline.border_page import FIGURES, REPORT, border_chapters, border_report_stage
from gennari.pipeline.border_places import Ask, borders_path
from gennari.pipeline.border_saved import read_saved
from gennari.pipeline.border_tables import EVALUATION, TRUTH
from gennari.pipeline.stages import Run, open_run
from gennari.report.page import Chapter

pytestmark = pytest.mark.slow


def page_of(run: Run) -> str:
    return borders_path(run, REPORT).read_text(encoding="utf-8")


def titles(chapters: tuple[Chapter, ...]) -> list[str]:
    return [figure.title for chapter in chapters for figure in chapter.figures]


@pytest.fixture
def detected(evaluated: Run, tmp_path: Path) -> Run:
    """A run whose borders were found and not measured; its page is not written yet."""
    shutil.copytree(evaluated.root.parent, tmp_path / "demo")
    run = open_run(tmp_path / "demo" / "run")
    for name in (EVALUATION, TRUTH, FIGURES, REPORT):
        borders_path(run, name).unlink()
    return run


def test_every_figure_is_a_file_and_stands_on_the_page(evaluated: Run):
    names = {path.stem for path in borders_path(evaluated, "figures").glob("*.png")}
    assert {"methods", "pairs", "shares", "ribbons", "arc", "surface", "curves", "kinds"} <= names
    page, chapters = page_of(evaluated), border_chapters(evaluated)
    assert page.count("data:image/png") == len(names) == len(titles(chapters))
    assert all(title in page for title in titles(chapters))


def test_the_table_has_a_row_for_every_score_with_the_saved_figures(evaluated: Run):
    evaluation = read_evaluation(evaluated)
    (table,) = border_chapters(evaluated)[0].tables
    assert [row[0] for row in table.rows] == [
        "learned features", *(name.replace("-", " ") for name in evaluation.controls)
    ]  # fmt: skip
    column = [one.name for one in table.columns].index("AUROC")
    assert [row[column] for row in table.rows] == [
        f"{verdict.auroc:.3f}" for verdict in (evaluation, *evaluation.controls.values())
    ]
    assert table.rows[0][-1] == "–"
    assert str(evaluation.borders) in table.note


def test_without_truth_the_page_shows_what_was_found_and_no_true_border(detected: Run, monkeypatch):
    assert border_chapters(detected) == ()
    drawn = []
    keep = border_page.border_pictures

    def spied(saved):
        assert saved.truth is None
        for picture in keep(saved):
            drawn.append(picture)
            yield picture

    monkeypatch.setattr(border_page, "border_pictures", spied)
    assert border_report_stage(detected, Ask(), None, lambda tick: None) is False  # its receipt and figures stand
    borders_path(detected, "figures", "arc.png").unlink()
    detected.path("receipts", "borders-report.json").unlink(missing_ok=True)
    assert border_report_stage(detected, Ask(), None, lambda tick: None)
    (chapter,) = border_chapters(detected)
    assert titles((chapter,)) == [title for _, title, _, _ in drawn]
    assert chapter.tables == ()
    words = [
        text.get_text()
        for *_, figure in drawn
        for legend in [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend())]
        for text in legend.get_texts()
    ]
    assert not any("true border" in word for word in words)
    assert "Borders found on" in page_of(detected)


def test_the_runs_report_has_the_chapters_on_borders(evaluated: Run):
    from gennari.pipeline.words import content  # noqa: F401

    assert [chapter.title for chapter in border_chapters(evaluated)] == [
        "Borders against the truth", "Borders along the ribbon"
    ]  # fmt: skip


def test_areas_of_a_border_are_not_told_without_truth(detected: Run):
    saved = read_saved(detected, Ask())
    assert saved.borders(saved.wanted) == []
    with pytest.raises(ValueError, match="borders of this run were not evaluated"):
        saved.pair(0)
