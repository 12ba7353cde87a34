"""Where a comparison is made, and the patches and pairs that each objective learns from."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gennari.execute import Report
from gennari.pipeline.folds import Fold
from gennari.pipeline.individuals import individuals_set
from gennari.pipeline.near import near_of
from gennari.pipeline.packing import pack_stage
from gennari.pipeline.pretext_sets import PretextSet, exchanged, set_of_run
from gennari.pipeline.pretext_sources import prepare_source
from gennari.pipeline.reproduction import Work
from gennari.pipeline.sampling import sample_stage
from gennari.pipeline.section_store import Place
from gennari.pipeline.stages import Run, create_run
from gennari.recipes.comparisons import Comparison, Objective
from gennari.records import IGNORE, PairTable

CROSSING = "crossing"


@dataclass(frozen=True, kw_only=True)
class Arena:
    """Where a comparison is made, and from what. Picklable: every worker gets it.

    Attributes:
        work: samples, sections as arrays, splits: what it shares with the paper's table.
        recipe: all numbers.
        fold: which sections are learned from, chosen by, tested.
        subsets: training sections by budget.
        borders: measure border signals of pre-trained networks, too.
    """

    work: Work
    recipe: Comparison
    fold: Fold
    subsets: dict[int, tuple[Place, ...]]
    borders: bool = False

    def folder(self, kind: str, *names: object) -> Path:
        """Of one training."""
        return self.work.root / "compare" / kind / "-".join(map(str, names))


def prepare(arena: Arena, objective: Objective, tick: Report) -> None:
    """Have all that an objective learns from sampled and packed, before workers ask for it."""
    work = arena.work
    if objective.settings is None:
        return
    if objective.patches == "one-cytoarchitecture":
        prepare_source(work, "one-cytoarchitecture", None, tick)
    if objective.crossing:
        crossing = _crossing_run(work)
        sample_stage(crossing, tick)
        pack_stage(crossing, tick)
    near_for(arena, objective, set_for(arena, objective, 0, tick), tick)


def set_for(arena: Arena, objective: Objective, seed: int, tick: Report) -> PretextSet:
    """Patches and pairs of an objective."""
    work = arena.work
    if objective.patches == "individuals":
        return individuals_set(work.run(), arena.fold.train, tick)
    chosen = set_of_run(_run_of(work, objective))
    return exchanged(chosen, seed) if objective.permuted else chosen


def near_for(arena: Arena, objective: Objective, chosen: PretextSet, tick: Report) -> PairTable | None:
    """Near pairs among the patches that an objective learns from; None where it has no contrast."""
    if objective.settings is None:
        return None
    return near_of(_run_of(arena.work, objective), chosen.patches, chosen.train, objective.settings, tick)


def _run_of(work: Work, objective: Objective) -> Run:
    """The run whose data set the patches lie in."""
    if objective.crossing:
        return _crossing_run(work)
    return work.run("one-cytoarchitecture" if objective.patches == "one-cytoarchitecture" else "pretext")


def _crossing_run(work: Work) -> Run:
    """The unlabelled brain's patches once more, paired across the hemispheres, too."""
    experiment = work.recipe.experiment
    pairs = experiment.pairs.model_copy(update={"cross_hemisphere": True})
    changed = experiment.model_copy(update={"pairs": pairs})
    return create_run(work.root / "sources" / CROSSING, work.dataset.root, changed)


def geometry_of(arena: Arena) -> str:
    """Of the brains, as the cells name it."""
    return "+".join(dict.fromkeys(brain.manifest.geometry for brain in arena.work.dataset.brains()))


def areas_shown(work: Work, places: Sequence[Place]) -> dict[Place, frozenset[int]]:
    """Areas annotated on each section, as class indices: what an annotator would know, not the truth."""
    first, shown = work.dataset.label_set.first_area, {}
    for place in places:
        classes = np.unique(np.asarray(work.store.labelled(*place).labels))
        shown[place] = frozenset(int(index) for index in classes if first <= index != IGNORE)
    return shown
