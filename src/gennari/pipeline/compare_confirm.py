"""The winner on an individual that nothing was tuned on, once."""

from functools import partial
from itertools import product
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from gennari.errors import InputError
from gennari.execute import Report, run_tasks
from gennari.pipeline.cell_work import measured
from gennari.pipeline.compare_arena import Arena
from gennari.pipeline.compare_cells import ComparedCell, all_compared, read_compared, write_compared
from gennari.pipeline.compare_plans import Plan, winner
from gennari.pipeline.compare_tuning import Trial, tuned_net
from gennari.pipeline.section_store import Place, SectionStore, fill_store
from gennari.recipes.comparisons import PAPERS, PAPERS_ENCODER, UNTRAINED
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


def confirm(arena: Arena, sealed: Path, results: Path, workers: int, tick: Report) -> Winner:
    """Measure the winner, the paper's objective and the unpre-trained network on the sections of a sealed individual.

    The winner is chosen by validation sections before a sealed one is read, and written down first: a second call for
    another winner is refused, so that the individual cannot be tuned on.

    Args:
        arena: whose networks are finished.
        sealed: folder of a data set with one labelled brain and its truth.
        results: folder of the cells; those of the sealed individual stand in its folder `confirmed`.
        workers: processes.
        tick: told of everything.

    Raises:
        InputError: a stage is not finished, another winner was confirmed before, the data set does not have exactly one
            labelled brain, or that brain is one of the comparison's.
    """
    cells = all_compared(results)
    objective, encoder = winner(arena.recipe, cells)
    dataset = open_dataset(sealed)
    brains = [brain for brain in dataset.brains() if brain.manifest.role == "labelled"]
    known = {brain.name for brain in arena.work.dataset.brains()}
    if len(brains) != 1 or brains[0].name in known:
        raise InputError(
            f"a sealed individual is the one labelled brain of a data set of its own, and none of "
            f"{', '.join(sorted(known))}, got {', '.join(brain.name for brain in brains) or 'none'}; make one with "
            "`gennari phantom OUT --preset sealed`"
        )
    found = Winner(objective=objective, encoder=encoder, individual=brains[0].name, fingerprint=fingerprint(dataset))
    _write_once(results / FOLDER / VERDICT, found)
    places = [(brains[0].name, section.id) for section in brains[0].sections]
    store = SectionStore(folder=arena.work.root / "compare" / "sealed")
    fill_store(store, dataset, places, arena.recipe.base.experiment.texture, workers, tick)
    kinds = dict.fromkeys([(UNTRAINED, PAPERS_ENCODER), (PAPERS, PAPERS_ENCODER), (objective, encoder)])
    plans = [
        Plan(*kind, budget, seed)
        for kind, budget, seed in product(kinds, arena.recipe.budgets, arena.recipe.base.seeds)
    ]
    missing = [plan for plan in plans if not (results / FOLDER / f"{plan.file}.json").exists()]
    run_tasks(
        partial(_measure, arena, store, places, results), missing, workers=workers, tick=tick,
        stage="sealed individual", name=lambda plan: plan.file,
        keep=lambda plan, cell: write_compared(results / FOLDER / f"{plan.file}.json", cell),
    )  # fmt: skip
    return found


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


def _measure(arena: Arena, store: SectionStore, places: list[Place], results: Path, plan: Plan) -> ComparedCell:
    """A finished cell's network on the sealed sections."""
    cell = read_compared(results / f"{plan.file}.json")
    assert cell.result.rate is not None, "a cell of a comparison was fine-tuned"
    net = tuned_net(arena, Trial(plan, cell.result.rate, "test"))
    sections = measured(store, arena.work.normalisation, net, places, arena.work.dataset.label_set, atlas=True)
    result = cell.result.model_copy(update={"sections": tuple(sections)})
    return cell.model_copy(update={"individual": places[0][0], "result": result})
