"""The winner on an individual that nothing was tuned on, once."""

import time
from collections.abc import Sequence
from functools import partial
from itertools import product
from pathlib import Path

import torch
from pydantic import BaseModel, ConfigDict

from gennari.apply.segment import Segmentation
from gennari.errors import InputError
from gennari.execute import Report, run_tasks, silent
from gennari.nets.sizes import output_spacing_um
from gennari.pipeline.cell_work import predicted, scored
from gennari.pipeline.compare_arena import Arena
from gennari.pipeline.compare_cells import ComparedCell, all_compared, read_compared, write_compared
from gennari.pipeline.compare_plans import Plan, row_name, winner
from gennari.pipeline.compare_tuning import Trial, tuned_net
from gennari.pipeline.context import gather
from gennari.pipeline.section_store import SectionStore, fill_store
from gennari.recipes.comparisons import PAPERS, PAPERS_ENCODER, UNTRAINED, Comparison
from gennari.records import Section
from gennari.sources.atomic import write_json
from gennari.sources.dataset import fingerprint, open_dataset
from gennari.sources.documents import read_json

FOLDER, VERDICT = "confirmed", "winner.json"


class Winner(BaseModel):
    """Who was confirmed, on what."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: str
    encoder: str
    individual: str
    fingerprint: str


def confirm(arena: Arena, sealed: Path, results: Path, among: Sequence[str], workers: int, tick: Report) -> Winner:
    """Measure the winner, the paper's objective and the unpre-trained network on the sections of a sealed individual.

    The winner is chosen by validation sections before a sealed one is read, and written down first: a second call for
    another winner is refused, so that the individual cannot be tuned on. Every network is measured twice: each section
    by itself, and told what the others say of the same cortex (`Comparison.context`). Budgets that are not finished can
    follow by another call.

    Args:
        arena: whose networks are finished.
        sealed: folder of a data set with one labelled brain and its truth.
        results: folder of the cells; those of the sealed individual stand in its folder `confirmed`.
        among: objectives that the winner is one of; none: as the stages have it (`winner`).
        workers: processes.
        tick: told of everything.

    Raises:
        InputError: a stage is not finished, another winner was confirmed before, the data set does not have exactly one
            labelled brain, or that brain is one of the comparison's.
    """
    recipe = arena.recipe
    objective, encoder = winner(recipe, all_compared(results), among)
    dataset = open_dataset(sealed)
    brains = [brain for brain in dataset.brains() if brain.manifest.role == "labelled"]
    known = {brain.name for brain in arena.work.dataset.brains()}
    if len(brains) != 1 or brains[0].name in known:
        raise InputError(
            f"a sealed individual is the one labelled brain of a data set of its own, and none of "
            f"{', '.join(sorted(known))}, got {', '.join(brain.name for brain in brains) or 'none'}; make one with "
            "`gennari phantom OUT --preset sealed`"
        )
    name = brains[0].name
    found = Winner(objective=objective, encoder=encoder, individual=name, fingerprint=fingerprint(dataset))
    _write_once(results / FOLDER / VERDICT, found)
    store = SectionStore(folder=arena.work.root / "compare" / "sealed")
    places = [(name, section.id) for section in brains[0].sections]
    fill_store(store, dataset, places, recipe.base.experiment.texture, workers, tick)
    made = [plan for plan in _plans(recipe, found) if (results / f"{plan.file}.json").exists()]
    missing = [plan for plan in made if not _paths(results, plan)[-1].exists()]
    run_tasks(
        partial(_measure, arena, store, sealed, name, results), missing, workers=workers, tick=tick,
        stage="sealed individual", name=lambda plan: plan.file, keep=partial(_keep, results), announced=True,
    )  # fmt: skip
    return found


def _plans(recipe: Comparison, found: Winner) -> list[Plan]:
    """What is measured, the budgets that objectives are told apart by first."""
    kinds = dict.fromkeys([(UNTRAINED, PAPERS_ENCODER), (PAPERS, PAPERS_ENCODER), (found.objective, found.encoder)])
    budgets = dict.fromkeys(budget for budget in (*recipe.first_budgets, *recipe.budgets) if budget in recipe.budgets)
    return [Plan(*kind, budget, seed) for budget, seed, kind in product(budgets, recipe.base.seeds, kinds)]


def _paths(results: Path, plan: Plan) -> tuple[Path, Path]:
    """Of the cell without and the one with surface context; the latter is written last."""
    return results / FOLDER / f"{plan.file}.json", results / FOLDER / f"{plan.file}-context.json"


def _keep(results: Path, plan: Plan, cells: Sequence[ComparedCell]) -> None:
    for path, cell in zip(_paths(results, plan), cells, strict=True):
        write_compared(path, cell)


def confirmed(results: Path) -> tuple[Winner, tuple[ComparedCell, ...]] | None:
    """What was confirmed, if anything was."""
    path = results / FOLDER / VERDICT
    if not path.exists():
        return None
    cells = (read_compared(each) for each in sorted(path.parent.glob("*.json")) if each != path)
    return read_json(path, Winner), tuple(cells)


def _write_once(path: Path, found: Winner) -> None:
    if not path.exists():
        write_json(path, found)
    before = read_json(path, Winner)
    if before != found:
        raise InputError(
            f"a sealed individual is opened once, for one winner, but {path} says '{before.objective}' with encoder "
            f"'{before.encoder}' on {before.individual}, and now it would be '{found.objective}' with "
            f"'{found.encoder}' on {found.individual}; seal another individual for another comparison"
        )


def _measure(
    arena: Arena, store: SectionStore, sealed: Path, name: str, results: Path, plan: Plan
) -> tuple[ComparedCell, ComparedCell]:
    """A finished cell's network on the sealed sections, without and with surface context."""
    torch.set_num_threads(arena.work.threads)
    cell, context = read_compared(results / f"{plan.file}.json"), arena.recipe.context
    assert cell.result.rate is not None, "a cell of a comparison was fine-tuned"
    net = tuned_net(arena, Trial(plan, cell.result.rate, "test"))
    brain, label_set, seconds = open_dataset(sealed).brain(name), arena.work.dataset.label_set, {}

    def predict(section: Section) -> Segmentation:
        began = time.monotonic()
        said = predicted(store, arena.work.normalisation, net, (name, section.id), atlas=True)
        seconds[section.id] = time.monotonic() - began
        return said

    spacing_um = output_spacing_um(net.config)
    gathered = gather(brain, brain.sections, predict, spacing_um, label_set, context.reach_mm, silent)
    alone = {number: spoken.labels for number, spoken in gathered.sections.items()}
    cells = []
    for maps, told in ((alone, None), (gathered.maps(context), context)):
        sections = [
            scored(store, (name, number), labels, label_set, net.config, seconds[number])
            for number, labels in maps.items()
        ]
        row = row_name(cell.objective, cell.encoder, cell.budget, context=told is not None)
        result = cell.result.model_copy(update={"row": row, "sections": tuple(sections)})
        cells.append(cell.model_copy(update={"individual": name, "context": told, "result": result}))
    return cells[0], cells[1]
