"""What `gennari evaluate` and the report say of confidence and of the reject option."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from gennari.metrics.overlap import dice_per_class
from gennari.metrics.rejection import Thresholds, kept, steps
from gennari.pipeline.confidence import ConfidenceSummary, read_confidence, read_graded
from gennari.pipeline.evaluation import LABELS
from gennari.pipeline.learning import VARIANTS
from gennari.pipeline.scoring import area_dice
from gennari.pipeline.stages import Run
from gennari.records import QUALITIES
from gennari.report.confidence_figures import Coverage, Diagram, coverage_figure, reliability_figure
from gennari.report.page import Chapter, Column, ReportFigure, ReportTable
from gennari.report.style import to_png

RULE = Thresholds(confidence=0.8, plane_angle_deg=45.0, rating=1)
"""What is set aside unless the user says otherwise: unsure, cut more flatly than patches may be, rated poor."""
NOT_KEPT = (
    "confidence was not measured, since probabilities were not kept; `gennari segment RUN --probabilities` keeps them"
)
_ALL = "all pixels of the ribbon"


class Point(NamedTuple):
    """What one network reaches on what is kept: share of the ribbon's pixels, Dice over areas, areas left in it."""

    coverage: float
    dice: float
    areas: int


def confidence_lines(run: Run, rule: Thresholds) -> str:
    """A few lines for the terminal: calibration error, and Dice of what the rule keeps."""
    summary = read_confidence(run)
    if summary is None:
        return NOT_KEPT
    lines = [f"on the ribbon of {summary.sections} held-out sections: {error_words(summary)}"]
    lines += [summary.note] if summary.note else []
    points = _points(run, rule)
    for variant, everything in _points(run, Thresholds()).items():
        coverage, dice, areas = points[variant]
        left = f"Dice {dice:.3f}" if areas else "no area"
        lines.append(
            f"{LABELS[variant]}: {left} on the {coverage:.0%} that are {rule_words(rule)} ({areas} areas left), "
            f"{everything.dice:.3f} on all ({everything.areas} areas)"
        )
    return "\n".join(lines)


def error_words(summary: ConfidenceSummary) -> str:
    """The calibration errors in one sentence."""
    found = []
    for variant in VARIANTS:
        network = summary.networks[variant]
        after = f", {network.after.error:.3f} at temperature {network.temperature:.2f}" if network.after else ""
        drawn = [error for error in (network.annotated_before, network.annotated_after) if error is not None]
        alone = f" (annotated pixels alone: {', '.join(f'{error:.3f}' for error in drawn)})" if drawn else ""
        found.append(f"{LABELS[variant]} {network.before.error:.3f}{after}{alone}")
    return f"expected calibration error {'; '.join(found)}"


def rule_words(rule: Thresholds) -> str:
    """What a rule asks of a pixel."""
    asked = [f"predicted with {rule.confidence:g} or more"] if rule.confidence else []
    asked += [f"cut at {rule.plane_angle_deg:g} degrees or more"] if rule.plane_angle_deg else []
    if rule.rating:
        place = len(QUALITIES) - 1 - rule.rating
        asked.append(f"of sections rated {QUALITIES[place]}{' or better' if place else ''}")
    return ", ".join(asked) or _ALL


def confidence_chapters(run: Run) -> tuple[Chapter, ...]:
    """The report's chapter on confidence; none where it was not measured."""
    summary = read_confidence(run)
    if summary is None:
        return ()
    chapter = Chapter(
        title="How far probabilities can be trusted",
        text=f"Pixels of the ribbon on held-out sections: {error_words(summary)}. {summary.note}".strip(),
        tables=(_table(run),),
        figures=(
            ReportFigure(title="Reliability", caption=_RELIABILITY, png=to_png(_reliability(summary))),
            ReportFigure(title="Dice against coverage", caption=_COVERAGE, png=to_png(_coverage(run))),
        ),
    )
    return (chapter,)


_RELIABILITY = (
    "Share of right pixels among those of one confidence (the probability of the likeliest class), above how many "
    "pixels have it. On the diagonal probabilities mean what they say; below it the network is surer than it should be."
)
_COVERAGE = (
    "Dice over areas of the pixels that are kept when those of low confidence (left) or of oblique cut (right) are set "
    "aside. An area of which nothing is kept leaves the mean; the table has how many are left."
)


def _points(run: Run, thresholds: Thresholds) -> dict[str, Point]:
    label_set, found = run.dataset.label_set, {}
    for variant, graded in read_graded(run).items():
        coverage, confusion = kept(graded, thresholds)
        areas = dice_per_class(confusion)[label_set.first_area :]
        found[variant] = Point(coverage, area_dice(confusion, label_set), int((areas == areas).sum()))
    return found


def _table(run: Run) -> ReportTable:
    rows = []
    for asked in _asked():
        cells = [rule_words(asked)]
        for point in _points(run, asked).values():
            cells += [f"{point.coverage:.0%}", f"{point.dice:.3f}" if point.areas else "–", str(point.areas)]
        rows.append(cells)
    columns = [Column(name="kept are pixels")]
    for variant in VARIANTS:
        columns += [
            Column(name=f"{variant}: kept", definition="share of the ribbon's pixels whose class is known"),
            Column(name=f"{variant}: Dice", definition="mean over the areas left, held-out sections pooled"),
            Column(name=f"{variant}: areas"),
        ]
    return ReportTable(
        title="Doubtful pixels set aside",
        columns=columns,
        rows=rows,
        emphasis=len(rows) - 1,
        note="Only pixels of the ribbon count, so that Dice on all of them is not that of the first table. The angle "
        "is that of the surface's normal with the section's: at 90 degrees layers are cut at right angles.",
    )


def _asked() -> Iterator[Thresholds]:
    """The table's rows: all, then each thing by itself, then the rule."""
    yield Thresholds()
    for which in ("confidence", "plane_angle_deg", "rating"):
        yield from steps(which)[1:]
    yield RULE


def _reliability(summary: ConfidenceSummary) -> Figure:
    diagrams = {}
    for variant in VARIANTS:
        network = summary.networks[variant]
        shown = {"before": network.before, **({"after": network.after} if network.after else {})}
        diagrams[LABELS[variant]] = {
            name if network.after else "": Diagram(
                confidence=_known(bins.confidence), accuracy=_known(bins.accuracy), counts=np.array(bins.counts)
            )
            for name, bins in shown.items()
        }
    return reliability_figure(diagrams)


def _coverage(run: Run) -> Figure:
    panels = {}
    for title, which in (("confidence", "confidence"), ("angle of the cut", "plane_angle_deg")):
        curves = [_points(run, asked) for asked in steps(which)]
        panels[title] = {
            LABELS[variant]: Coverage(
                coverage=np.array([points[variant].coverage for points in curves]),
                dice=np.array([points[variant].dice for points in curves]),
            )
            for variant in VARIANTS
        }
    return coverage_figure(panels)


def _known(values: Sequence[float | None]) -> Float[np.ndarray, "b"]:
    return np.array([np.nan if value is None else value for value in values])
