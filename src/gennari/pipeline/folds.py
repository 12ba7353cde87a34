"""Which sections of the labelled brains each fold of a table learns from, chooses rates by, and tests."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from gennari.errors import InputError
from gennari.execute import Report
from gennari.pipeline.reproduction import Work
from gennari.pipeline.section_store import Place
from gennari.pipeline.splitting import draw_splits, read_splits, write_splits
from gennari.pipeline.stages import Run, create_run
from gennari.records import Section
from gennari.sampling.split import Split
from gennari.sources.dataset import Dataset

Splitting = Literal["blocks", "lobo"]


@dataclass(frozen=True, kw_only=True)
class Fold:
    """Sections of the labelled brains, by part of the split.

    Attributes:
        name: "" for the one fold of a block split, the brain that is left out otherwise.
    """

    name: str
    train: tuple[Place, ...]
    val: tuple[Place, ...]
    test: tuple[Place, ...]


def folds_of(work: Work, splitting: Splitting, tick: Report) -> tuple[Fold, ...]:
    """The folds of a splitting; lobo has one for each labelled brain, and each chooses rates on the other brains.

    Raises:
        InputError: a fold would test, or choose by, no section.
    """
    main = work.run()
    if splitting == "blocks":
        return (_fold("", main),)
    labelled = [brain.name for brain in main.dataset.brains() if brain.manifest.role == "labelled"]
    folds = []
    for name in labelled:
        split = main.experiment.area_split.model_copy(update={"kind": "lobo", "held_out": name})
        recipe = main.experiment.model_copy(update={"area_split": split})
        run = create_run(work.root / "folds" / name, main.dataset.root, recipe)
        if not run.path("split.json").exists():
            write_splits(run, *draw_splits(run, tick))
        folds.append(_fold(name, run))
    return tuple(folds)


def sections_at(dataset: Dataset, places: Sequence[Place]) -> Mapping[str, list[Section]]:
    """Sections by brain."""
    found: dict[str, list[Section]] = {}
    for name, number in places:
        found.setdefault(name, []).append(dataset.brain(name).section(number))
    return found


def _fold(name: str, run: Run) -> Fold:
    splits = read_splits(run)
    labelled = [brain.name for brain in run.dataset.brains() if brain.manifest.role == "labelled"]

    def part(kind: Split) -> tuple[Place, ...]:
        return tuple((brain, number) for brain in labelled for number, of in splits[brain].items() if of == kind)

    fold = Fold(name=name, train=part("train"), val=part("val"), test=part("test"))
    for kind in ("train", "val", "test"):
        if not getattr(fold, kind):
            raise InputError(
                f"a table needs sections to learn from, to choose rates by and to test, but fold '{name}' has no "
                f"{kind} section; choose a recipe whose area_split has all three"
            )
    return fold
