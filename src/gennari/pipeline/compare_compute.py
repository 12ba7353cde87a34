"""How much arithmetic a cell of a comparison took, beside the paper's L; times of two machines say nothing of it."""

from collections.abc import Callable, Sequence

from gennari.errors import InputError
from gennari.pipeline.cell_work import lengthened
from gennari.pipeline.compare_cells import ComparedCell
from gennari.pipeline.compute import finetune_flop, patches_flop
from gennari.recipes.comparisons import PAPERS, PAPERS_ENCODER, Comparison


def compute_over_papers(recipe: Comparison, cells: Sequence[ComparedCell]) -> Callable[[ComparedCell], float]:
    """What gives the operations of a cell, pre-training and fine-tuning, over those of the paper's L.

    NaN for objectives that the recipe does not know or that leave features frozen, and as long as there is no cell of
    the paper's L.
    """
    known: dict[tuple[str, str], float] = {}

    def operations(cell: ComparedCell) -> float:
        kind = (cell.objective, cell.encoder)
        if kind not in known:
            known[kind] = _operations(recipe, cell)
        return known[kind]

    papers = [cell for cell in cells if (cell.objective, cell.encoder) == (PAPERS, PAPERS_ENCODER)]
    whole = operations(papers[0]) if papers else float("nan")
    return lambda cell: operations(cell) / whole


def _operations(recipe: Comparison, cell: ComparedCell) -> float:
    try:
        objective, texture = recipe.objective(cell.objective), recipe.encoder(cell.encoder).texture
    except InputError:  # a cell of an earlier recipe stays in the table
        return float("nan")
    if objective.frozen:  # features are neither changed nor gone back through: not what is counted below
        return float("nan")
    passes = cell.pretrained.patch_passes if cell.pretrained else 0
    settings = lengthened(recipe.base.experiment.finetune, objective.steps_factor)
    classes, first_area = len(cell.result.classes), cell.result.first_area
    tuned = finetune_flop(settings, texture, classes, classes - first_area)
    return float(patches_flop(passes, texture) + tuned)
