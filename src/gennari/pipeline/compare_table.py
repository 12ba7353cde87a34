"""The rows of a comparison from finished cells: Dice and err_seg with intervals paired against the paper's L."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

import numpy as np

from gennari.metrics.resampling import mean_known
from gennari.pipeline.compare_cells import ComparedCell
from gennari.pipeline.compare_plans import row_name
from gennari.pipeline.estimates import (
    UNKNOWN,
    Draws,
    Estimate,
    dice_draws,
    estimate,
    fall,
    make_draws,
    paired,
    section_draws,
    summed_up,
)
from gennari.pipeline.stacks import Gathered, Stack, gather
from gennari.recipes.comparisons import PAPERS, PAPERS_ENCODER

_Both = tuple[np.ndarray, np.ndarray] | None


@dataclass(frozen=True, kw_only=True)
class ComparedRow:
    """One objective, encoder and label budget over its seeds.

    Attributes:
        labels_sections: annotated sections learned from.
        missing: areas that none of them shows.
        individual: "held-out" sections of the labelled brains, or a sealed individual's name.
        context: the sections were told what the others say of the same cortex.
        dice: macro Dice over areas; `dice_covered` over those that the budget shows.
        paired: Dice less that of the paper's L (or another reference) with the same labels, on the same sections and
            seeds.
        dice_fall: by which share 1 - Dice is lower than with that L; `err_seg_fall` the same of err_seg.
        dice_fall_alike: of rows with context the same against that L with context, too; unknown for others, as is
            `err_seg_fall_alike`.
        val_dice: mean over seeds on annotated pixels of validation sections.
        err_dist_mm: mean over seeds; NaN without pre-training, as are the next three.
        seconds: mean over seeds, pre-training and fine-tuning; `pretrain_seconds` of the former. Machines differ.
        compute: operations of pre-training and fine-tuning, over those of the paper's L; NaN where the recipe does not
            know the objective.
    """

    objective: str
    encoder: str
    budget: int
    labels_sections: int
    missing: tuple[str, ...]
    individual: str
    context: bool
    seeds: tuple[int, ...]
    dice: Estimate
    dice_covered: Estimate
    paired: Estimate
    dice_fall: Estimate
    err_seg: Estimate
    paired_err_seg: Estimate
    err_seg_fall: Estimate
    dice_fall_alike: Estimate
    err_seg_fall_alike: Estimate
    val_dice: float
    err_dist_mm: float
    probe_f1: float
    border_auroc_partial: float
    patch_passes: float
    pretrain_seconds: float
    seconds: float
    compute: float

    def document(self) -> dict[str, object]:
        """As it stands in compare.json: intervals as name, name_low, name_high."""
        plain: dict[str, object] = {}
        for name, value in asdict(self).items():
            if isinstance(getattr(self, name), Estimate):
                estimated = getattr(self, name)
                plain |= {name: estimated.value, f"{name}_low": estimated.low, f"{name}_high": estimated.high}
            else:
                plain[name] = value
        return {key: None if isinstance(value, float) and np.isnan(value) else value for key, value in plain.items()}


def compared_rows(
    cells: Sequence[ComparedCell],
    rng: np.random.Generator,
    compute: Callable[[ComparedCell], float],
    reference: str = PAPERS,
) -> list[ComparedRow]:
    """Rows of one individual's cells, budgets from large to small, objectives in the order they come.

    Args:
        cells: of one data set and one individual.
        rng: draws brains, sections and seeds, the same draws for all rows.
        compute: of a cell, over that of the paper's L.
        reference: the objective, with the paper's encoder, that differences are to.

    Raises:
        InputError: as `gather`.
    """
    order = list(dict.fromkeys(cell.result.row for cell in sorted(cells, key=lambda cell: -cell.budget)))
    gathered = gather([cell.result for cell in cells], rows=order, controls=())
    draws = make_draws(gathered, rng)
    table = _Table(gathered=gathered, draws=draws, cells=cells, compute=compute, reference=reference)
    return [table.row(name) for name in order if gathered.stacks[name].seeds]


@dataclass(frozen=True, kw_only=True)
class _Table:
    gathered: Gathered
    draws: Draws
    cells: Sequence[ComparedCell]
    compute: Callable[[ComparedCell], float]
    reference: str

    def row(self, name: str) -> ComparedRow:
        stack, draws = self.gathered.stacks[name], self.draws
        cells = [cell for cell in self.cells if cell.result.row == name and cell.result.seed in stack.seeds]
        first = cells[0]
        areas = list(range(self.gathered.first_area, len(self.gathered.classes)))
        covered = [area for area in areas if self.gathered.classes[area] not in first.missing]
        dice, error = dice_draws(stack, draws, areas), section_draws(stack.err_seg, draws)
        both, both_errors = self._against(False, stack, (dice, error), first.budget, areas)
        alike = self._against(True, stack, (dice, error), first.budget, areas) if first.context else (None, None)
        return ComparedRow(
            objective=first.objective, encoder=first.encoder, budget=first.budget,
            labels_sections=first.labels_sections, missing=first.missing, individual=first.individual,
            context=first.context is not None, seeds=stack.seeds,
            dice=estimate(dice, draws),
            dice_covered=estimate(dice_draws(stack, draws, covered), draws) if covered else UNKNOWN,
            paired=summed_up(both[0] - both[1]) if both else UNKNOWN,
            dice_fall=_dice_fall(both),
            err_seg=estimate(error, draws),
            paired_err_seg=summed_up(both_errors[0] - both_errors[1]) if both_errors else UNKNOWN,
            err_seg_fall=_fall(both_errors),
            dice_fall_alike=_dice_fall(alike[0]),
            err_seg_fall_alike=_fall(alike[1]),
            val_dice=_mean([cell.val_dice for cell in cells]),
            **_of_pretraining(cells),
            seconds=_mean([cell.result.seconds for cell in cells]),
            compute=self.compute(first),
        )  # fmt: skip

    def _against(
        self, context: bool, stack: Stack, ours: tuple[np.ndarray, np.ndarray], budget: int, areas: Sequence[int]
    ) -> tuple[_Both, _Both]:
        """This row's and the reference's Dice in each draw, and err_seg; None for the reference itself."""
        reference = self.gathered.stacks.get(row_name(self.reference, PAPERS_ENCODER, budget, context=context))
        if reference is None or reference is stack or not reference.seeds:
            return None, None
        draws = self.draws
        return (
            paired((stack, ours[0]), (reference, dice_draws(reference, draws, areas)), draws),
            paired((stack, ours[1]), (reference, section_draws(reference.err_seg, draws)), draws),
        )


def _dice_fall(both: _Both) -> Estimate:
    return UNKNOWN if both is None else _fall((1 - both[0], 1 - both[1]))


def _fall(both: _Both) -> Estimate:
    return summed_up(fall(*both)) if both else UNKNOWN


def _of_pretraining(cells: Sequence[ComparedCell]) -> dict[str, float]:
    done = [cell.pretrained for cell in cells if cell.pretrained is not None]
    borders = [each.borders.auroc_partial for each in done if each.borders is not None]
    return {
        "err_dist_mm": _mean([each.err_dist_mm for each in done]),
        "probe_f1": _mean([each.probe_f1 for each in done]),
        "border_auroc_partial": _mean(borders),
        "patch_passes": _mean([float(each.patch_passes) for each in done]),
        "pretrain_seconds": _mean([each.seconds for each in done]),
    }


def _mean(values: Sequence[float]) -> float:
    return float(mean_known(np.array(values, float))) if len(values) else float("nan")
