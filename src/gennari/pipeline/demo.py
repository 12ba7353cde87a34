"""The whole method in one call: every stage in order, on the same files the verbs work on."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from gennari.execute import Report
from gennari.metrics.distances import DistanceError
from gennari.pipeline.ceiling import ceiling_words
from gennari.pipeline.evaluation import ATLAS, LABELS, Summary, evaluate_stage
from gennari.pipeline.learning import finetune_stage, pretrain_stage, read_distance_error
from gennari.pipeline.making import make_phantom
from gennari.pipeline.maps import segment_stage
from gennari.pipeline.packing import pack_stage
from gennari.pipeline.page import report_stage
from gennari.pipeline.page_pretext import note_words
from gennari.pipeline.references import ANNOTATED_NOTE
from gennari.pipeline.sampling import sample_stage
from gennari.pipeline.splitting import MissingArea, missing_words, read_missing
from gennari.pipeline.stages import Run, create_run, locked, receipts
from gennari.recipes.presets import experiment
from gennari.sources.documents import read_json


@dataclass(frozen=True)
class Outcome:
    """What a finished run says: a table for people, figures for scripts."""

    table: str
    figures: dict[str, object]


def run_demo(
    out: Path, surfaces: Path | None, preset: str, workers: int | None, tick: Report, on: Sequence[str] = ()
) -> Outcome:
    """Phantom, sample, pack, pretrain, finetune, segment, evaluate, report; finished stages are skipped.

    Raises:
        InputError: as the stages.
    """
    recipe = experiment(preset)
    began = time.monotonic()
    make_phantom(out / "dataset", surfaces, preset, workers, tick, on)
    made = time.monotonic() - began
    with locked(out / "run", make=True):
        run = create_run(out / "run", out / "dataset", recipe)
        for stage in (
            sample_stage, pack_stage, pretrain_stage, finetune_stage, segment_stage, evaluate_stage, report_stage,
        ):  # fmt: skip
            stage(run, tick)
        return outcome(run, made)


def outcome(run: Run, making_seconds: float = 0.0) -> Outcome:
    """Table and figures of a run that was evaluated; `seconds` counts the phantom only where it was made now."""
    summary = read_json(run.path("summary.json"), Summary)
    error, missing = read_distance_error(run), read_missing(run)
    methods = summary.methods
    baseline, pretrained = methods["baseline"], methods["pretrained"]
    figures: dict[str, object] = {
        "dice_baseline": baseline.dice,
        "dice_pretrained": pretrained.dice,
        "dice_atlas": methods[ATLAS].dice,
        "dice_annotators": None if summary.ceiling is None else summary.ceiling.mutual,
        "dice_gain_low": summary.dice_gain_low,
        "dice_gain_high": summary.dice_gain_high,
        "err_seg_baseline": baseline.err_seg,
        "err_seg_pretrained": pretrained.err_seg,
        "pixel_distance_um_baseline": baseline.pixel_distance_um,
        "pixel_distance_um_pretrained": pretrained.pixel_distance_um,
        "err_dist_mm": error.mean_mm,
        "err_dist_trivial_mm": error.median_predictor_mm,
        "geometry": "+".join(dict.fromkeys(brain.manifest.geometry for brain in run.dataset.brains())),
        "seconds": round(making_seconds + sum(receipt.seconds for receipt in receipts(run)), 1),
        "report": str(run.path("report.html")),
    }
    figures["areas_missing"] = len(missing)
    return Outcome(_table(summary, error, missing, note_words(run.experiment.pretrain)), figures)


def _table(summary: Summary, error: DistanceError, missing: list[MissingArea], note: str) -> str:
    lines = [] if summary.ceiling is None else [ceiling_words(summary.ceiling)]
    lines += [ANNOTATED_NOTE] if summary.reference == "annotations" else []
    lines.append(f"{'':<26}{'Dice (areas)':>14}{'err_seg':>10}{'distance um':>13}{'err_dist mm':>13}")
    for name, label in LABELS.items():
        method = summary.methods[name]
        reach = f"{error.mean_mm:.1f}" if name == "pretrained" else "-"
        lines.append(
            f"{label:<26}{method.dice:>14.3f}{method.err_seg:>10.2f}{method.pixel_distance_um:>13.0f}{reach:>13}"
        )
    lines.append(f"{'median predictor':<26}{'-':>14}{'-':>10}{'-':>13}{error.median_predictor_mm:>13.1f}")
    lines += [note] if note else []
    lines.append(missing_words(missing))
    lines.append(
        f"gain in Dice, 95 % over {summary.sections} held-out sections: "
        f"{summary.dice_gain_low:+.3f} .. {summary.dice_gain_high:+.3f} (one seed)"
    )
    return "\n".join(lines)
