"""The page of borders stands on saved files alone, and says no more than they do."""

import shutil
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from gennari.pipeline import border_places
from gennari.pipeline.border_detection import DETECT_STAGE
from gennari.pipeline.border_evaluation import (
    EVALUATE_STAGE,
    Evaluation,
    labels_at,
    question_of,
    read_evaluation,
    truth_table,
)
from gennari.pipeline.border_features import write_features
from gennari.pipeline.border_page import REPORT, border_chapters, border_report_stage
from gennari.pipeline.border_places import Ask, borders_path, places_stage, read_asked_places
from gennari.pipeline.border_saved import pair_name, read_saved
from gennari.pipeline.border_tables import (
    ACCEPTED,
    CHECKPOINTS,
    EVALUATION,
    GAPS,
    OURS,
    TRUTH,
    AcceptedTable,
    GapTable,
    write_table,
)
from gennari.pipeline.border_verdicts import PairVerdict, Verdict
from gennari.pipeline.evaluation import Summary
from gennari.pipeline.learning import read_distance_error
from gennari.pipeline.stages import Run, open_run, run_stage
from gennari.pipeline.words import content
from gennari.report.page import ReportFigure, render_page
from gennari.report.style import to_png
from gennari.sampling.gaps import gap_arc_mm, gap_brain_mm
from gennari.sampling.ribbon_places import RibbonPlaces
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json
from gennari.sources.tables import write_rows

pytestmark = pytest.mark.slow
KEYS = [name for name in Verdict.model_fields if name not in ("intervals", "pairs")]


def verdict(value: float) -> dict[str, object]:
    """All figures alike."""
    pair = PairVerdict(
        areas=("hOc2", "hOc1"), borders=4, precision=(0.1, 0.2, 0.3), recall=(0.2, 0.3, 0.4), f1=(0.1, 0.2, None),
        median_error_mm=0.4,
    )  # fmt: skip
    interval = (value - 0.1, value + 0.1)
    return {
        **dict.fromkeys(KEYS, value), "intervals": {"auroc": interval, "auroc_partial": interval}, "pairs": (pair,)
    }  # fmt: skip


def evaluation() -> Evaluation:
    controls = {"untrained": verdict(0.55), "classical": verdict(0.65)}
    return Evaluation.model_validate(
        verdict(0.75)
        | {
            "gain": None, "brain": "P", "sections": 3, "train_sections": 2, "borders": 41, "interior_mm": 1200.0,
            "measure": "staining intensity", "explained": {"border": (0.4, 0.1), "none": (0.6, 0.9)},
            "controls": controls,
        }
    )  # fmt: skip


def gap_table(places: RibbonPlaces, rng: np.random.Generator) -> GapTable:
    """Gaps with scores that mean nothing."""
    n, patches = len(places), places.patches
    columns = ("curvature_per_mm", "obliqueness_deg", "thickness_mm", "tissue_share")
    scores = ("score", "partial", "profiles_d2", "components_d2")
    return GapTable(
        brain=patches.brain, section=patches.section, side=np.asarray(patches.side, np.int8), split=patches.split,
        piece=places.piece, arc_mm=gap_arc_mm(places), brain_mm=gap_brain_mm(places),
        **{name: rng.normal(size=n) for name in columns}, **{name: rng.exponential(size=n) for name in scores},
    )  # fmt: skip


def accepted_table(gaps: GapTable, rng: np.random.Generator) -> AcceptedTable:
    """Some gaps of the wanted sections, no two on one curve."""
    rows = np.flatnonzero((gaps.split == "test") & np.isfinite(gaps.arc_mm))
    rows = np.sort(rng.choice(rows, 12, replace=False)).astype(np.int32)
    return AcceptedTable(
        method=np.array([OURS] * 8 + ["profiles"] * 4), gap=rows, section=gaps.section[rows], side=gaps.side[rows],
        piece=gaps.piece[rows], arc_mm=gaps.arc_mm[rows], brain_mm=gaps.brain_mm[rows], value=gaps.score[rows],
        curve=np.arange(12, dtype=np.int32), recurrent=np.zeros(12, bool),
    )  # fmt: skip


@pytest.fixture(scope="module")
def detected(finished_demo: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Run]:
    """A run with made-up scores at real places, of which no truth is known."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(border_places, "STEP_UM", 600.0)
        patch.setattr(border_places, "TRAIN_SECTIONS", 1)
        root, rng = tmp_path_factory.mktemp("page") / "demo", np.random.default_rng(1)
        shutil.copytree(finished_demo, root)
        run, ask = open_run(root / "run"), Ask()
        places_stage(run, ask, lambda tick: None)
        places = read_asked_places(run, ask)
        gaps = gap_table(places, rng)
        write_table(borders_path(run, GAPS), gaps)
        write_table(borders_path(run, ACCEPTED), accepted_table(gaps, rng))
        write_features(run, {OURS: rng.normal(size=(len(places), 4)).astype(np.float32)})
        run_stage(run, DETECT_STAGE, ("sample",), lambda: [borders_path(run, GAPS)], lambda tick: None)
        yield run


@pytest.fixture(scope="module")
def evaluated(detected: Run, tmp_path_factory: pytest.TempPathFactory) -> Run:
    """A copy with truth, figures against it, and its page; read only."""
    root = tmp_path_factory.mktemp("measured") / "demo"
    shutil.copytree(detected.root.parent, root)
    run = open_run(root / "run")
    places = read_asked_places(run, Ask())
    label = labels_at(Ask().chosen(run), places, run.dataset.label_set)
    question = question_of(run, places, label, places.patches.split, "test")
    write_table(borders_path(run, TRUTH), truth_table(label, question.truth))
    write_json(borders_path(run, EVALUATION), evaluation())
    names = ("step", "err_dist_mm", "auroc", "auroc_low", "auroc_high", "auroc_partial", "auroc_partial_low",
             "auroc_partial_high")  # fmt: skip
    write_rows(borders_path(run, CHECKPOINTS), [dict.fromkeys(names, 0.5) | {"step": step} for step in (2, 4)])
    run_stage(run, f"{EVALUATE_STAGE}-cheap", (DETECT_STAGE,), lambda: [borders_path(run, TRUTH)], lambda tick: None)
    border_report_stage(run, Ask(), "cheap", lambda tick: None)
    return run


def test_without_truth_the_page_shows_what_was_found_and_no_true_border(detected: Run):
    assert border_chapters(detected) == ()
    assert border_report_stage(detected, Ask(), None, lambda tick: None)
    (chapter,) = border_chapters(detected)
    assert len(chapter.figures) == len(list(borders_path(detected, "figures").glob("*.png"))) == 5
    assert chapter.tables == ()
    assert "8 in distance, 4 in profiles." in borders_path(detected, REPORT).read_text(encoding="utf-8")
    assert border_report_stage(detected, Ask(), None, lambda tick: None) is False
    saved = read_saved(detected, Ask())
    assert saved.borders(saved.wanted) == []
    with pytest.raises(ValueError, match="borders of this run were not evaluated"):
        saved.pair(0)


def test_with_truth_the_page_has_every_figure_and_the_saved_numbers(evaluated: Run):
    measured, cortex = border_chapters(evaluated)
    figures = [*measured.figures, *cortex.figures]
    assert {path.stem for path in borders_path(evaluated, "figures").glob("*.png")} >= {
        "methods", "pairs", "shares", "checkpoints", "ribbons", "arc", "surface", "curves", "kinds"
    }  # fmt: skip
    page = borders_path(evaluated, REPORT).read_text(encoding="utf-8")
    assert page.count("data:image/png") == len(figures) == 9
    assert all(figure.title in page for figure in figures)
    (table,) = measured.tables
    assert [row[0] for row in table.rows] == ["learned features", "untrained", "classical"]
    auroc = [column.name for column in table.columns].index("AUROC")
    assert [row[auroc] for row in table.rows] == ["0.750", "0.550", "0.650"]
    assert [row[-1] for row in table.rows[:1]] == ["–"]
    assert "41 true borders and 1.20 m of interior ribbon on 3 held-out sections" in table.note
    assert "95 %: 0.65 to 0.85" in page


def test_true_borders_are_those_of_the_truth_with_their_areas(evaluated: Run):
    saved = read_saved(evaluated, Ask())
    rows = saved.borders(saved.wanted)
    names = saved.label_set.names
    assert rows
    for row in rows[:20]:
        following = int(saved.following[row])
        assert saved.truth is not None
        first, second = (int(saved.truth.label[k]) for k in (row, following))
        if min(first, second) >= 0:  # gaps may be bridged where a place has no label
            assert saved.pair(row) == pair_name(names[first], names[second])


def test_the_runs_report_has_the_chapters_on_borders_if_they_were_looked_for(evaluated: Run):
    png = to_png(Figure(figsize=(1, 1)), dpi=20)
    figures = defaultdict(lambda: ReportFigure(title="", caption="", png=png))
    summary = read_json(evaluated.path("summary.json"), Summary)
    given = (evaluated, summary, read_distance_error(evaluated), figures)
    page = render_page(content(*given, border_chapters(evaluated)))
    assert page.index("Areas on held-out sections") < page.index("Borders against the truth")
    assert "The ribbon of neighbouring sections" in page
    assert "Borders against the truth" not in render_page(content(*given))
    assert read_evaluation(evaluated).borders == 41
