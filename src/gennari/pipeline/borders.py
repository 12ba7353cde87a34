"""`gennari borders` from end to end: detection, export, and where the truth is known, evaluation."""

from dataclasses import dataclass

import numpy as np

from gennari.execute import Report
from gennari.pipeline.border_checkpoints import checkpoints_stage
from gennari.pipeline.border_controls import Controls
from gennari.pipeline.border_detection import detect_stage, weights_of
from gennari.pipeline.border_evaluation import Evaluation, check_truth, evaluate_borders_stage
from gennari.pipeline.border_export import export_stage
from gennari.pipeline.border_page import border_report_stage
from gennari.pipeline.border_places import Ask, borders_path
from gennari.pipeline.border_tables import ACCEPTED, OURS, AcceptedTable, read_table
from gennari.pipeline.border_verdicts import Verdict
from gennari.pipeline.section_tasks import ALONE, Spread
from gennari.pipeline.stages import Run


@dataclass(frozen=True)
class Found:
    """What was found: a table for people, figures for scripts."""

    table: str
    figures: dict[str, object]


def find_borders(run: Run, ask: Ask, controls: Controls | None, tick: Report, spread: Spread = ALONE) -> Found:
    """Every stage in order; finished ones are skipped.

    Args:
        run: with a pre-trained network.
        ask: which brain and sections.
        controls: measure against the truth with these controls; None: only detect.
        tick: told how far it is.
        spread: over which processes features are read.

    Raises:
        InputError: as the stages.
    """
    weights_of(run)  # refuse before minutes of work
    if controls is not None:
        check_truth(ask.chosen(run))
    detect_stage(run, ask, tick, spread)
    export_stage(run, ask, tick)
    if controls is None:
        border_report_stage(run, ask, None, tick)
        return _counted(run)
    evaluation = evaluate_borders_stage(run, ask, controls, tick, spread)
    checkpoints_stage(run, ask, tick)
    border_report_stage(run, ask, controls, tick)
    return Found(_table(evaluation), evaluation.model_dump(mode="json"))


def _counted(run: Run) -> Found:
    accepted = read_table(borders_path(run, ACCEPTED), AcceptedTable)
    sections = len(np.unique(accepted.section))
    figures: dict[str, object] = {}
    lines = [f"borders on {sections} sections, in {borders_path(run)}:"]
    for method in dict.fromkeys(accepted.method.tolist()):
        own = accepted.method == method
        recurrent = int(accepted.recurrent[own].sum())
        figures[method] = {"borders": int(own.sum()), "recurrent": recurrent}
        lines.append(f"{method:<12}{int(own.sum()):>6}, {recurrent} of them in at least three neighbouring sections")
    return Found("\n".join(lines), {"sections": sections, "methods": figures})


_COLUMNS = (
    ("hoc1_hoc2_recall_1mm", "hOc1/hOc2"), ("hoc1_hoc2_median_error_mm", "off mm"), ("false_per_20mm", "false/20mm"),
    ("f1_1mm", "F1 1mm"), ("auroc", "AUROC"), ("auroc_partial", "partial"), ("gain", "gain"),
)  # fmt: skip


def _table(evaluation: Evaluation) -> str:
    lines = [
        f"{evaluation.borders} true borders on {evaluation.sections} sections of brain {evaluation.brain}; "
        f"classical profiles of {evaluation.measure}; 95 % by bootstrap over sections",
        f"{'':<22}" + "".join(f"{label:>12}" for _, label in _COLUMNS),
        _line(OURS, evaluation),
    ]
    lines += [_line(name, verdict) for name, verdict in evaluation.controls.items()]
    for pair in (pair for pair in evaluation.pairs if pair.borders):
        f1 = "-" if pair.f1[1] is None else f"{pair.f1[1]:.2f}"
        lines.append(f"{' / '.join(pair.areas):<30}{pair.borders:>5} borders, F1 at 1 mm {f1}")
    return "\n".join(lines)


def _line(name: str, verdict: Verdict) -> str:
    values = [getattr(verdict, key) for key, _ in _COLUMNS]
    return f"{name:<22}" + "".join(f"{'-':>12}" if value is None else f"{value:>12.3f}" for value in values)
