"""The stage that measures: maps against truth or annotations of held-out sections, the atlas alone beside them."""

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from jaxtyping import Int
from pydantic import BaseModel, ConfigDict

from gennari.errors import InputError
from gennari.execute import Report, Tick
from gennari.metrics.overlap import dice_per_class, macro_dice
from gennari.nets.sizes import output_spacing_um
from gennari.pipeline.atlas_alone import atlas_labels
from gennari.pipeline.ceiling import Ceiling, ceiling
from gennari.pipeline.learning import VARIANTS
from gennari.pipeline.maps import map_path
from gennari.pipeline.references import Reference, measured_sections, reference_map, reference_of
from gennari.pipeline.scoring import SectionResult, area_dice, counts_of, score_section
from gennari.pipeline.stages import Run, run_stage
from gennari.records import LabelSet, Section
from gennari.sources.arrays import read_npz
from gennari.sources.atomic import atomic_path, write_json
from gennari.sources.dataset import Brain
from gennari.sources.sections import read_labels
from gennari.sources.tables import write_rows

ATLAS = "atlas alone"
METHODS = (*VARIANTS, ATLAS)
LABELS = {"baseline": "baseline (from scratch)", "pretrained": "pre-trained", ATLAS: "atlas alone"}
"""How tables call the methods, in their order."""
BOOTSTRAP = 2000


class SectionScore(NamedTuple):
    """A row of metrics.parquet: one method on one held-out section."""

    method: str
    brain: str
    section: int
    dice: float
    dice_classes: float
    err_seg: float
    err_seg_present: float
    absent_share: float
    pixel_distance_um: float
    rms_distance_um: float
    wrong_share: float
    area_mm2: float


class MethodSummary(BaseModel):
    """One method over all held-out sections: Dice of the pooled confusion, means over sections of the rest."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    dice: float
    dice_classes: float
    dice_by_class: tuple[float | None, ...]
    err_seg: float
    pixel_distance_um: float
    wrong_share: float


class Summary(BaseModel):
    """summary.json. The interval is of the paired gain in macro Dice over areas, by bootstrap over sections.

    Attributes:
        ceiling: how far two observers agree on the same sections, where the data set knows it.
        reference: what maps were measured against; annotations where a held-out section has no truth.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: dict[str, MethodSummary]
    dice_gain_low: float
    dice_gain_high: float
    sections: int
    ceiling: Ceiling | None = None
    reference: Reference = "truth"


def evaluate_stage(run: Run, tick: Report) -> bool:
    """Measure every held-out section for both networks and the atlas alone."""
    return run_stage(run, "evaluate", ("sample", "pretrain", "segment"), partial(_evaluate, run, tick), tick)


def read_confusions(run: Run) -> dict[str, Int[np.ndarray, "s c c"]]:
    """Confusion matrices of each method, one a held-out section, in one order for all.

    Raises:
        InputError: the file is missing or damaged.
    """
    path = run.path("confusions.npz")
    if not path.is_file():
        raise InputError(
            f"{path} must be a file of confusion matrices, but there is none; run `gennari evaluate` again"
        )
    try:
        stored = read_npz(path)
        return {method: stored[method] for method in METHODS}
    except (InputError, KeyError) as error:
        raise InputError(
            f"{path} must be whole, but reading it fails ({error}); run `gennari evaluate` again"
        ) from error


def gain_interval(
    confusions: Mapping[str, Int[np.ndarray, "s c c"]], label_set: LabelSet, rng: np.random.Generator
) -> tuple[float, float]:
    """95 % interval of the paired gain in macro Dice over areas, by bootstrap over sections (not over seeds)."""
    before, after = (confusions[variant] for variant in VARIANTS)
    gains = []
    for _ in range(BOOTSTRAP):
        drawn = rng.integers(len(before), size=len(before))
        gains.append(area_dice(after[drawn].sum(axis=0), label_set) - area_dice(before[drawn].sum(axis=0), label_set))
    low, high = np.nanpercentile(gains, (2.5, 97.5))
    return float(low), float(high)


def _evaluate(run: Run, tick: Report) -> list[Path]:
    label_set = run.dataset.label_set
    scored: dict[str, list[SectionResult]] = {method: [] for method in METHODS}
    spacing_um = output_spacing_um(run.experiment.texture)
    held_out, reference = measured_sections(run), reference_of(run)
    total = sum(len(sections) for sections in held_out.values())
    for done, (brain, section, truth, maps) in enumerate(_compared(run, held_out, reference), start=1):
        for method, labels in maps.items():
            result = score_section(truth, labels, label_set, spacing_um, brain=brain.name, section=section.id)
            scored[method].append(result)
        tick(Tick("evaluate", done, total, f"{brain.name} {section.id}"))
    rows = [_row(method, result, label_set) for method, results in scored.items() for result in results]
    stacked = {method: counts_of(results) for method, results in scored.items()}
    outputs = [run.path(name) for name in ("metrics.parquet", "confusions.npz", "summary.json")]
    write_rows(outputs[0], rows)
    with atomic_path(outputs[1]) as temporary:
        np.savez_compressed(temporary, allow_pickle=False, **stacked)
    low, high = gain_interval(stacked, label_set, np.random.default_rng(run.experiment.seed))
    summary = {method: _summary(method, rows, stacked[method].sum(axis=0), label_set) for method in METHODS}
    best = ceiling(run.dataset, held_out)
    write_json(
        outputs[2],
        Summary(
            methods=summary, dice_gain_low=low, dice_gain_high=high, sections=total, ceiling=best, reference=reference
        ),
    )
    return outputs


def _compared(
    run: Run, held_out: Mapping[str, tuple[Section, ...]], reference: Reference
) -> Iterator[tuple[Brain, Section, np.ndarray, dict[str, np.ndarray]]]:
    spacing_um = output_spacing_um(run.experiment.texture)
    for name, sections in held_out.items():
        brain = run.dataset.brain(name)
        hemispheres, atlas = brain.hemispheres(), brain.atlas()
        for section in sections:
            maps = {v: read_labels(map_path(run, v, name, section.id))[0] for v in VARIANTS}
            maps[ATLAS] = atlas_labels(section, hemispheres, atlas, run.dataset.label_set, spacing_um)
            yield brain, section, reference_map(brain, section, spacing_um, reference), maps


def _row(method: str, result: SectionResult, label_set: LabelSet) -> SectionScore:
    (counts,), error = counts_of([result]), result.error
    assert error is not None, "score_section always measures err_seg"
    return SectionScore(
        method=method,
        brain=result.brain,
        section=result.section,
        dice=area_dice(counts, label_set),
        dice_classes=macro_dice(dice_per_class(counts), range(len(counts))),
        err_seg=error.err_seg,
        err_seg_present=error.err_seg_present,
        absent_share=error.absent_share,
        pixel_distance_um=error.mean_um,
        rms_distance_um=error.rms_um,
        wrong_share=error.wrong_share,
        area_mm2=error.area_mm2,
    )


def _summary(method: str, rows: list[SectionScore], pooled: np.ndarray, label_set: LabelSet) -> MethodSummary:
    ours = [row for row in rows if row.method == method]
    dice = dice_per_class(pooled)
    return MethodSummary(
        dice=area_dice(pooled, label_set),
        dice_classes=macro_dice(dice, range(len(dice))),
        dice_by_class=tuple(None if np.isnan(value) else float(value) for value in dice),
        err_seg=_mean([row.err_seg for row in ours]),
        pixel_distance_um=_mean([row.pixel_distance_um for row in ours]),
        wrong_share=_mean([row.wrong_share for row in ours]),
    )


def _mean(values: list[float]) -> float:
    return float(np.mean(values))
