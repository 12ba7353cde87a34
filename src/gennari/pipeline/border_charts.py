"""Charts and tables of evaluated borders: our score beside every control."""

from collections.abc import Iterator, Sequence

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from gennari.metrics.border_scores import TOLERANCES_MM
from gennari.pipeline.border_evaluation import Evaluation
from gennari.pipeline.border_pictures import Picture
from gennari.pipeline.border_saved import pair_name
from gennari.pipeline.border_verdicts import Verdict
from gennari.report.border_chart_figures import (
    ScorePanel,
    checkpoints_figure,
    methods_figure,
    pairs_figure,
    shares_figure,
)
from gennari.report.page import Column, ReportTable
from gennari.sources.tables import Row

OURS_NAME = "learned features"
_PANELS = (
    ("auroc", "AUROC", "border against interior", {"chance": 0.5}),
    ("auroc_partial", "AUROC, confounds out", "border against interior", {"chance": 0.5, "goal": 0.8}),
    ("hoc1_hoc2_recall_1mm", "hOc1 | hOc2 found", "share within 1 mm", {"goal": 0.9}),
    ("f1_1mm", "F1 at 1 mm", "borders of all pairs", {}),
)
_COLUMNS = (
    ("hoc1_hoc2_recall_1mm", Column(
        name="hOc1 | hOc2", definition="share of the crossings of this border that are found within 1 mm",
    )),
    ("hoc1_hoc2_median_error_mm", Column(
        name="off", unit="mm", definition="median error of those that are found within 2 mm",
    )),
    ("false_per_20mm", Column(
        name="false", unit="per 20 mm", definition="peaks above the threshold in the interior of areas, on held-out "
        "sections; the threshold was fixed at 1 on training sections",
    )),
    ("f1_1mm", Column(name="F1", definition="over borders of all pairs of areas, within 1 mm")),
    ("auroc", Column(name="AUROC", definition="gaps within 0.5 mm of a border against the interior of areas")),
    ("auroc_partial", Column(
        name="confounds out", definition="AUROC with curvature, obliqueness, thickness and tissue regressed out",
    )),
    ("gain", Column(
        name="gain", definition="AUROC with confounds out of the learned features minus that of the row, 95 % interval "
        "over the same draws of sections",
    )),
)  # fmt: skip


def border_charts(evaluation: Evaluation, checkpoints: Sequence[Row]) -> Iterator[Picture]:
    """Our score beside every control, by pair of areas, by checkpoint, and what holds at its peaks.

    Args:
        evaluation: of the run.
        checkpoints: rows of checkpoints.parquet; none where no weights were kept on the way.
    """
    yield "methods", "Learned features and controls", _METHODS, methods_figure(*_methods(evaluation))
    pairs = sorted((pair for pair in evaluation.pairs if pair.borders), key=lambda pair: -pair.borders)
    if pairs:
        measures = {
            name: np.array([[_number(value) for value in getattr(pair, name.lower())] for pair in pairs])
            for name in ("F1", "recall", "precision")
        }
        names, counts = [pair_name(*pair.areas) for pair in pairs], np.array([pair.borders for pair in pairs])
        yield "pairs", "Pairs of areas", _PAIRS, pairs_figure(names, counts, measures, TOLERANCES_MM)
    if evaluation.explained:
        words = {"border": "true border", "curvature": "high curvature", "obliqueness": "oblique cut"}
        shares = {words.get(name, name): share for name, share in evaluation.explained.items()}
        yield "shares", "What holds at the peaks", _SHARES, shares_figure({OURS_NAME: shares})
    if checkpoints:
        yield "checkpoints", "Better distances, clearer borders?", _CHECKPOINTS, _checkpoints(evaluation, checkpoints)


def methods_table(evaluation: Evaluation) -> ReportTable:
    """One row a method, ours first."""
    rows = [(name, *(_cell(verdict, key) for key, _ in _COLUMNS)) for name, verdict in _rows(evaluation)]
    return ReportTable(
        title="Borders on held-out sections",
        columns=(Column(name="score"), *(column for _, column in _COLUMNS)),
        rows=rows,
        emphasis=0,
        note=(
            f"{evaluation.borders} true borders and {evaluation.interior_mm / 1000:.2f} m of interior ribbon on "
            f"{evaluation.sections} held-out sections; profiles are of {evaluation.measure}."
        ),
    )


_METHODS = (
    "Value and 95 % interval by bootstrap over held-out sections; the band is the interval of the learned features. "
    "Every score has its own threshold, fixed on training sections at one false border in 20 mm of interior ribbon."
)
_PAIRS = (
    "Found borders are matched with true ones one to one. In brackets, how many true borders of the pair the held-out "
    "sections have; few say little."
)
_SHARES = (
    "Causes of large values that the paper names, at the tenth of places with the highest score; they may coincide. A "
    "border explains places within 1 mm, high curvature is the most curved fifth of the ribbon, an oblique cut is 45 "
    "degrees and more. Black marks: how often the cause holds anywhere."
)
_CHECKPOINTS = (
    "Weights kept while the network was trained, the number of steps beside them. A perfect predictor of distance "
    "would show equal steps everywhere and no border at all."
)


def _methods(evaluation: Evaluation) -> tuple[list[str], list[ScorePanel]]:
    rows = _rows(evaluation)
    panels = [
        ScorePanel(
            title=title,
            value_label=label,
            values=np.array([_value(verdict, key) for _, verdict in rows]),
            levels=levels,
        )
        for key, title, label, levels in _PANELS
    ]
    return [name for name, _ in rows], panels


def _rows(evaluation: Evaluation) -> list[tuple[str, Verdict]]:
    return [(OURS_NAME, evaluation), *((name.replace("-", " "), v) for name, v in evaluation.controls.items())]


def _value(verdict: Verdict, key: str) -> Float[np.ndarray, "3"]:
    """Value, low and high; NaN where there was nothing to measure."""
    interval: Sequence[float | None] = verdict.intervals.get(key, (None, None))
    return np.array([_number(getattr(verdict, key)), *(_number(end) for end in interval)])


def _number(value: float | None) -> float:
    return np.nan if value is None else value


def _cell(verdict: Verdict, key: str) -> str:
    value, low, high = _value(verdict, key)
    if np.isnan(value):
        return "–"
    if key == "gain":
        return f"{value:+.3f} ({low:+.3f} to {high:+.3f})"
    return f"{value:.2f}" if key == "false_per_20mm" else f"{value:.3f}"


def _checkpoints(evaluation: Evaluation, rows: Sequence[Row]) -> Figure:
    column = {name: np.array([row[name] for row in rows], float) for name in rows[0]}
    keys = {"raw": "auroc", "confounds out": "auroc_partial"}
    series = {
        title: np.column_stack([column[key], column[f"{key}_low"], column[f"{key}_high"]])
        for title, key in keys.items()
    }
    random = evaluation.controls.get("untrained")
    untrained = None if random is None else {title: _number(getattr(random, key)) for title, key in keys.items()}
    return checkpoints_figure(column["step"].astype(int), column["err_dist_mm"], series, untrained)
