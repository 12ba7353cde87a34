"""What surface context gains: Dice and err_seg of a table's held-out sections without and with it; last line is JSON.

python bench/context.py WORK WEIGHTS                 # a work folder of `gennari reproduce` and one of its U-Nets
python bench/context.py WORK WEIGHTS --only-held-out # trained sections do not speak

Length and weight are chosen by Dice on annotated pixels of validation sections, which is all that a user has, and then
measured once on the truth of test sections, each with a bootstrap interval of the difference over sections. All
sections of a brain that the table has speak, by their predictions.
"""

import argparse
import json
from functools import cache, partial
from pathlib import Path

import numpy as np

from gennari.apply.context_settings import ContextSettings
from gennari.apply.segment import Segmentation
from gennari.execute import silent
from gennari.metrics.overlap import confusion
from gennari.metrics.segmentation import segmentation_error
from gennari.nets.area_unet import AreaUNet
from gennari.nets.sizes import output_spacing_um
from gennari.nets.weights import load_area_unet
from gennari.pipeline.cell_work import predicted
from gennari.pipeline.context import Gathered, gather
from gennari.pipeline.folds import Fold, folds_of
from gennari.pipeline.reproduction import Work
from gennari.pipeline.scoring import area_dice
from gennari.pipeline.section_store import Place
from gennari.recipes.tables import reproduction
from gennari.records import IGNORE, Section
from gennari.train.devices import fastest_device

LENGTHS_MM, WEIGHTS = (1.0, 2.0, 4.0), (0.25, 0.5, 0.75)
DRAWS = 2000


def predict(work: Work, net: AreaUNet, section: Section) -> Segmentation:
    """What the network says of a section, as a cell of the table has it."""
    return predicted(work.store, work.normalisation, net, (section.brain, section.id), atlas=True)


def spoken(work: Work, net: AreaUNet, fold: Fold, speakers: tuple[Place, ...]) -> dict[str, Gathered]:
    """All speakers of each brain that has a section to be measured."""
    found = {}
    for name in sorted({brain for brain, _ in (*fold.val, *fold.test)}):
        brain = work.dataset.brain(name)
        sections = [section for section in brain.sections if (name, section.id) in speakers]
        label_set, spacing_um = work.dataset.label_set, output_spacing_um(net.config)
        found[name] = gather(brain, sections, partial(predict, work, net), spacing_um, label_set, 0.5, silent)
        print(f"{name}: {len(sections)} sections have spoken", flush=True)
    return found


def counted(work: Work, maps: dict[Place, np.ndarray], places: tuple[Place, ...], annotated: bool) -> np.ndarray:
    """Confusions of sections with what was annotated on them, or with the truth."""
    classes = len(work.dataset.label_set.names)
    wanted = (work.store.labelled(*place).labels if annotated else work.store.truth(*place) for place in places)
    return np.array([confusion(np.asarray(w), maps[place], classes) for w, place in zip(wanted, places, strict=True)])


def main() -> None:
    """Choose on validation sections, measure on test sections."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=Path)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--preset", default="small")
    parser.add_argument("--only-held-out", action="store_true")
    asked = parser.parse_args()
    work = Work(root=asked.work, recipe=reproduction(asked.preset), threads=1)
    (fold,), label_set = folds_of(work, "blocks", silent), work.dataset.label_set
    net = load_area_unet(asked.weights).to(fastest_device())
    speakers = (*fold.val, *fold.test, *(() if asked.only_held_out else fold.train))
    gathered = spoken(work, net, fold, speakers)

    @cache
    def maps(length_mm: float, weight: float) -> dict[Place, np.ndarray]:
        settings = ContextSettings(length_mm=length_mm, weight=weight)
        return {(name, n): m for name, said in gathered.items() for n, m in said.maps(settings).items()}

    def chosen_by(grid: tuple[float, float]) -> float:
        return area_dice(counted(work, maps(*grid), fold.val, True).sum(axis=0), label_set)

    grid = [(length, weight) for length in LENGTHS_MM for weight in WEIGHTS]
    tried = {point: chosen_by(point) for point in [(1.0, 0.0), *grid]}
    best = max(tried, key=lambda point: tried[point])
    print(*(f"length {p[0]:g} mm, weight {p[1]:g}: {dice:.4f} on validation" for p, dice in tried.items()), sep="\n")
    figures: dict[str, object] = {"length_mm": best[0], "weight": best[1], "validation_dice": tried[best]}
    counts, errors = {}, {}
    for name, point in (("without", (1.0, 0.0)), ("with", best)):
        counts[name] = counted(work, maps(*point), fold.test, False)
        errors[name] = np.array([_err_seg(work, maps(*point)[place], place) for place in fold.test])
        figures[f"dice_{name}"] = area_dice(counts[name].sum(axis=0), label_set)
        figures[f"err_seg_{name}"] = float(errors[name].mean())
    rng, gains = np.random.default_rng(0), []
    for _ in range(DRAWS):
        rows = rng.integers(0, len(fold.test), len(fold.test))
        dice = {name: area_dice(of[rows].sum(axis=0), label_set) for name, of in counts.items()}
        gains.append((dice["with"] - dice["without"], (errors["with"] - errors["without"])[rows].mean()))
    for name, column in zip(("dice", "err_seg"), np.array(gains).T, strict=True):
        figures[f"{name}_gain"] = np.quantile(column, [0.025, 0.975]).round(4).tolist()
    print(json.dumps(figures))


def _err_seg(work: Work, predicted: np.ndarray, place: Place) -> float:
    spacing_um = output_spacing_um(work.recipe.experiment.texture)
    return segmentation_error(np.asarray(work.store.truth(*place)), predicted, spacing_um, IGNORE).err_seg


if __name__ == "__main__":
    main()
