"""The control of a comparison that learns nothing: the atlas alone, on the sections that networks are tested on."""

import hashlib
from pathlib import Path

from gennari.errors import InputError
from gennari.pipeline.cells import CellResult
from gennari.pipeline.compare_arena import Arena, geometry_of
from gennari.pipeline.compare_cells import ENDING, ComparedCell, read_compared, write_compared
from gennari.pipeline.given import atlas_results

ATLAS_ALONE = "atlas-alone"
"""Its objective, its row (one cell stands beside all seeds of another row) and its file."""


def keep_atlas_alone(arena: Arena, results: Path) -> None:
    """Measure it unless its cell is finished.

    It stands beside the networks that learned from all sections, though it learned from none and has no encoder.

    Raises:
        InputError: the cell was made on other data.
    """
    work, budget = arena.work, max(arena.recipe.budgets)
    path = results / f"{ATLAS_ALONE}{ENDING}"
    key = hashlib.sha256(f"{ATLAS_ALONE} {arena.fold} {work.fingerprint}".encode()).hexdigest()[:16]
    if path.exists():
        if read_compared(path).result.key != key:
            raise InputError(
                f"a comparison's cells are all measured on one data set, but {path} was on another; give another "
                "folder with --results, or delete it"
            )
        return
    label_set = work.dataset.label_set
    result = CellResult(
        row=ATLAS_ALONE, seed=work.recipe.seeds[0], split="blocks", geometry=geometry_of(arena), rate=None, key=key,
        patches=0, iterations=0, distance=None, sections=tuple(atlas_results(work, arena.fold)), seconds=0,
        classes=label_set.names, first_area=label_set.first_area,
    )  # fmt: skip
    cell = ComparedCell(
        objective=ATLAS_ALONE, encoder="", budget=budget, labels_sections=len(arena.subsets[budget]),
        val_dice=float("nan"), seconds=0, result=result,
    )  # fmt: skip
    write_compared(path, cell)
