"""The page of a run's borders, from its saved files: by itself, and as chapters of the run's report."""

from collections.abc import Iterator
from functools import partial
from itertools import chain
from pathlib import Path

from pydantic import BaseModel, ConfigDict, RootModel

from gennari.execute import Report, Tick
from gennari.pipeline.border_charts import border_charts, methods_table
from gennari.pipeline.border_controls import Controls
from gennari.pipeline.border_detection import DETECT_STAGE
from gennari.pipeline.border_evaluation import EVALUATE_STAGE, Evaluation, read_evaluation
from gennari.pipeline.border_pictures import Picture, border_pictures
from gennari.pipeline.border_places import Ask, borders_path
from gennari.pipeline.border_saved import SavedBorders, read_saved
from gennari.pipeline.border_tables import CHECKPOINTS, EVALUATION
from gennari.pipeline.stages import Run, run_stage
from gennari.pipeline.words import CITATION, PHANTOM_NOTES, provenance
from gennari.report.page import Chapter, Headline, ReportContent, ReportFigure, write_report
from gennari.report.style import to_png
from gennari.sources.atomic import atomic_path, write_json
from gennari.sources.documents import read_json
from gennari.sources.tables import read_rows

REPORT, FIGURES = "report.html", "figures.json"
_CHARTS = ("methods", "pairs", "shares", "checkpoints")
"""Figures of numbers; all others show cortex."""


class SavedFigure(BaseModel):
    """A figure in RUN/borders/figures and what stands under it."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    title: str
    caption: str


class SavedFigures(RootModel[tuple[SavedFigure, ...]]):
    """figures.json: all figures in the order of the page."""


def border_report_stage(run: Run, ask: Ask, controls: Controls | None, tick: Report) -> bool:
    """Write RUN/borders/figures/ and report.html; once after detection, and anew after each evaluation.

    Args:
        run: whose borders were detected.
        ask: the brain and sections.
        controls: those it was evaluated with; None: it was not.
        tick: told of each figure.
    """
    name, after = ("borders-report", DETECT_STAGE)
    if controls is not None:
        name, after = f"borders-report-{controls}", f"{EVALUATE_STAGE}-{controls}"
    return run_stage(run, name, (after,), partial(_report, run, ask, tick), tick)


def border_chapters(run: Run) -> tuple[Chapter, ...]:
    """The chapters on borders, from what the page's stage saved; none where it has not run."""
    if not borders_path(run, FIGURES).exists():
        return ()
    figures = [(saved.name, _read(run, saved)) for saved in read_json(borders_path(run, FIGURES), SavedFigures).root]
    cortex = Chapter(
        title="Borders along the ribbon",
        text="Features that were learned from distances alone, without any area: where do they change?",
        figures=[figure for name, figure in figures if name not in _CHARTS],
    )
    if not borders_path(run, EVALUATION).exists():
        return (cortex,)
    measured = Chapter(
        title="Borders against the truth",
        tables=(methods_table(read_evaluation(run)),),
        figures=[figure for name, figure in figures if name in _CHARTS],
    )
    return measured, cortex


def _report(run: Run, ask: Ask, tick: Report) -> list[Path]:
    saved = read_saved(run, ask)
    figures: list[SavedFigure] = []
    paths: list[Path] = []
    for name, title, caption, figure in _pictures(saved):
        paths.append(_figure_path(run, name))
        with atomic_path(paths[-1]) as temporary:
            temporary.write_bytes(to_png(figure))
        figures.append(SavedFigure(name=name, title=title, caption=caption))
        tick(Tick("borders-report", len(figures), len(figures), title))
    write_json(borders_path(run, FIGURES), [figure.model_dump() for figure in figures])
    write_report(borders_path(run, REPORT), _content(saved))
    return [borders_path(run, REPORT), borders_path(run, FIGURES), *paths]


def _pictures(saved: SavedBorders) -> Iterator[Picture]:
    if saved.evaluation is None:
        return border_pictures(saved)
    path = borders_path(saved.run, CHECKPOINTS)
    charts = border_charts(saved.evaluation, read_rows(path) if path.exists() else ())
    return chain(charts, border_pictures(saved))


def _content(saved: SavedBorders) -> ReportContent:
    run, evaluation = saved.run, saved.evaluation
    synthetic = any((brain.folder / "truth").exists() for brain in run.dataset.brains())
    return ReportContent(
        title=f"Borders: {run.experiment.name} on {run.dataset.manifest.name}, brain {saved.brain.name}",
        summary=_found(saved) if evaluation is None else _measured(evaluation),
        headlines=() if evaluation is None else _headlines(evaluation),
        chapters=border_chapters(run),
        provenance=provenance(run),
        licence=run.dataset.manifest.licence,
        notes=PHANTOM_NOTES[:2] if synthetic else (),
        citation=CITATION,
    )


def _found(saved: SavedBorders) -> str:
    methods = list(dict.fromkeys(saved.accepted.method.tolist()))
    counts = [f"{len(saved.found(method))} in {method}" for method in methods]
    sections = len(set(saved.gaps.section[saved.wanted].tolist()))
    return f"Borders found on {sections} sections of brain {saved.brain.name}: {', '.join(counts) or 'none'}."


def _measured(evaluation: Evaluation) -> str:
    return (
        f"Features learned from distances alone tell borders of areas from their interior with an AUROC of "
        f"{_shown(evaluation.auroc)} ({_shown(evaluation.auroc_partial)} with curvature, obliqueness, thickness and "
        f"tissue taken out) on {evaluation.sections} held-out sections with {evaluation.borders} true borders."
    )


def _headlines(evaluation: Evaluation) -> tuple[Headline, ...]:
    off = f"{_shown(evaluation.hoc1_hoc2_median_error_mm)} mm"
    low, high = evaluation.intervals.get("auroc_partial", (None, None))
    return (
        Headline(label="hOc1 | hOc2 found", value=_shown(evaluation.hoc1_hoc2_recall_1mm), note="share within 1 mm"),
        Headline(label="off by", value=off, note="median, hOc1 | hOc2"),
        Headline(label="false borders", value=_shown(evaluation.false_per_20mm), note="in 20 mm of interior ribbon"),
        Headline(
            label="AUROC, confounds out", value=_shown(evaluation.auroc_partial),
            note=f"95 %: {_shown(low)} to {_shown(high)}",
        ),
    )  # fmt: skip


def _shown(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _figure_path(run: Run, name: str) -> Path:
    return borders_path(run, "figures", f"{name}.png")


def _read(run: Run, saved: SavedFigure) -> ReportFigure:
    return ReportFigure(title=saved.title, caption=saved.caption, png=_figure_path(run, saved.name).read_bytes())
