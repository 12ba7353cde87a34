"""Dice against the number of annotated sections, chosen by `gennari suggest` and equally spaced; the last line is JSON.

python bench/annotating.py                                 # about twenty minutes on two cores
python bench/annotating.py --seeds 3 --brains 4            # an hour
python bench/annotating.py --quick                         # its figures only say that it runs

Labelled brains of the phantom, all of whose sections are annotated; every fourth is tested and never chosen. Both ways
begin with the same two sections. `suggest` then sees the maps of the network that was trained on those it has, and
keeps what it has; equal spacing places all sections anew for each number, which is its advantage. A network is trained
from random weights for each number, with the atlas, on the annotations; Dice over areas is measured against the truth.
Differences are paired (the same tested sections, brains and seeds); intervals are over brains, sections and seeds.
"""

import argparse
import json
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from gennari.apply.segment import Segmentation, segment
from gennari.data.area_batches import LabelledSection
from gennari.data.pixels import Normalisation
from gennari.execute import silent
from gennari.metrics.overlap import confusion, dice_per_class, macro_dice
from gennari.metrics.resampling import even_draws, interval_95, mean_known, nested_draws, pooled_dice
from gennari.nets.area_unet import AreaUNet
from gennari.nets.sizes import TextureConfig, output_spacing_um
from gennari.nets.weights import load_area_unet
from gennari.phantom.settings import BrainPlan, PhantomSettings
from gennari.pipeline.labelled import labelled_sections
from gennari.pipeline.making import make_phantom_of
from gennari.pipeline.references import true_map
from gennari.pipeline.suggestions import shown_areas, unsure
from gennari.recipes.phantoms import DEFAULT_PHANTOM
from gennari.recipes.presets import DEMO
from gennari.records import IGNORE, LabelSet
from gennari.sampling.split import position_mm
from gennari.sampling.suggest import Candidates, suggest
from gennari.sources.dataset import Brain, open_dataset
from gennari.train.finetune import finetune
from gennari.train.settings import FinetuneSettings, Phase

GREY = Normalisation(mean=0.6, std=0.17)
TEST_EVERY, FIRST = 4, 2
DRAWS = 2000
Choice = list[int]
"""Places of sections in a brain's order."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much is done.

    Attributes:
        sizes: numbers of annotated sections, rising; the first is chosen by equal spacing for both.
    """

    phantom: PhantomSettings
    texture: TextureConfig
    finetune: FinetuneSettings
    sizes: tuple[int, ...]
    seeds: int


@dataclass(frozen=True, kw_only=True)
class Ground:
    """One brain: what a training may see of its sections, and the truth."""

    brain: Brain
    sections: list[LabelledSection]
    truths: list[np.ndarray]
    tested: Choice
    candidates: Candidates

    @property
    def label_set(self) -> LabelSet:
        """Classes of all of these."""
        return self.brain.label_set


def full_plan(brains: int, seeds: int) -> Plan:
    """28 sections a brain, 3 mm apart, at 64 µm."""
    phase = Phase(steps=250, rate=0.02, schedule="one-cycle", atlas=True, atlas_rate_factor=3.0)
    return Plan(
        phantom=_phantom(brains, 28, 64.0),
        texture=DEMO.texture.model_copy(update={"spacing_um": 64.0, "patch_px": 64}),
        finetune=DEMO.finetune.model_copy(update={"phases": (phase,), "batch": 8}),
        sizes=(2, 4, 6, 8), seeds=seeds,
    )  # fmt: skip


def quick_plan() -> Plan:
    """Seconds."""
    texture = TextureConfig(
        spacing_um=256, patch_px=16, stem_channels=4, channels=(4, 4), convs=(1, 1), padding="same"
    )  # fmt: skip
    phase = Phase(steps=4, rate=0.02, schedule="one-cycle", atlas=True)
    tiny = DEMO.finetune.model_copy(
        update={"phases": (phase,), "batch": 2, "window_px": 64, "atlas_widths": (4, 4)}
    )  # fmt: skip
    return Plan(phantom=_phantom(1, 8, 256.0), texture=texture, finetune=tiny, sizes=(2, 3), seeds=1)


def _phantom(brains: int, sections: int, spacing_um: float) -> PhantomSettings:
    plans = tuple(BrainPlan(name=name, role="labelled", sections=sections) for name in "ABCDEFGH"[:brains])
    update = {"brains": plans, "spacing_um": spacing_um, "subdivisions": 0, "atlas_individuals": 3}
    return DEFAULT_PHANTOM.model_copy(update=update)


def ground(brain: Brain, config: TextureConfig) -> Ground:
    """Read one brain."""
    ordered = sorted(brain.sections, key=position_mm)
    places = [brain.sections.index(section) for section in ordered]
    tested = list(range(TEST_EVERY // 2, len(ordered), TEST_EVERY))
    areas = len(brain.label_set.areas)
    candidates = Candidates(
        position_mm=np.array([position_mm(section) for section in ordered]),
        annotated=np.zeros(len(ordered), bool), open=~np.isin(np.arange(len(ordered)), tested),
        uncertainty=np.full(len(ordered), np.nan), shows=shown_areas(brain)[places], covered=np.zeros(areas, bool),
    )  # fmt: skip
    spacing_um = output_spacing_um(config)
    return Ground(
        brain=brain, sections=labelled_sections([(brain, ordered)], config, silent),
        truths=[true_map(brain, section.id, spacing_um) for section in ordered], tested=tested, candidates=candidates,
    )  # fmt: skip


def equally_spaced(place: Ground, count: int) -> Choice:
    """So many of the sections that may be chosen, in the middles of equal shares of them."""
    free = np.flatnonzero(place.candidates.open)
    return free[((np.arange(count) + 0.5) / count * len(free)).astype(int)].tolist()


def by_suggestion(place: Ground, chosen: Choice, count: int, said: Callable[[int], Segmentation]) -> Choice:
    """What was chosen, and the sections that `suggest` adds to it, seeing maps of what has no annotation."""
    annotated = np.isin(np.arange(len(place.sections)), chosen)
    uncertainty = np.full(len(annotated), np.nan)
    for index in np.flatnonzero(place.candidates.open & ~annotated):
        uncertainty[index] = unsure(said(int(index)).probabilities.astype(np.float32), place.label_set)
    seen = {int(label) for index in chosen for label in np.unique(place.sections[index].labels)}
    covered = np.isin(np.arange(place.label_set.first_area, len(place.label_set.names)), list(seen))
    given = replace(place.candidates, annotated=annotated, uncertainty=uncertainty, covered=covered)
    return chosen + [one.index for one in suggest(given, count - len(chosen))]


class Bench:
    """Trains on choices of sections; a choice that was trained on is not trained on again."""

    def __init__(self, plan: Plan, folder: Path) -> None:
        self._plan, self._folder = plan, folder
        self._nets: dict[tuple[str, int, tuple[int, ...]], AreaUNet] = {}

    def said(self, place: Ground, chosen: Choice, seed: int, index: int) -> Segmentation:
        """What the network that learned the chosen sections says of one."""
        section = place.sections[index]
        return segment(self._net(place, chosen, seed), section.image, section.prior, GREY)

    def counts(self, place: Ground, chosen: Choice, seed: int) -> np.ndarray:
        """Confusion of each tested section."""
        classes = len(place.label_set.names)
        return np.array([
            confusion(place.truths[index], self.said(place, chosen, seed, index).labels, classes, IGNORE)
            for index in place.tested
        ])  # fmt: skip

    def _net(self, place: Ground, chosen: Choice, seed: int) -> AreaUNet:
        key = (place.brain.name, seed, tuple(sorted(chosen)))
        if key not in self._nets:
            folder = self._folder / f"{key[0]}_{seed}_{'_'.join(map(str, key[2]))}"
            settings = self._plan.finetune.model_copy(update={"seed": seed})
            weights = finetune(
                settings, self._plan.texture, [place.sections[index] for index in key[2]], GREY, None, folder, silent,
                classes=len(place.label_set.names),
            ).weights  # fmt: skip
            self._nets[key] = load_area_unet(weights)
        return self._nets[key]


def measured(plan: Plan, places: Sequence[Ground], folder: Path) -> Mapping[str, Mapping[int, np.ndarray]]:
    """Confusions (seeds, tested sections of all brains, c, c) by way and number of annotated sections."""
    bench, found = Bench(plan, folder), {way: {size: [] for size in plan.sizes} for way in ("suggest", "equal")}
    for seed in range(plan.seeds):
        rows = {way: {size: [] for size in plan.sizes} for way in found}
        for place in places:
            chosen = equally_spaced(place, plan.sizes[0])
            for size in plan.sizes:
                before = chosen
                if size > len(chosen):
                    chosen = by_suggestion(
                        place, before, size, lambda index: bench.said(place, before, seed, index)  # noqa: B023
                    )  # fmt: skip
                choices = {"suggest": chosen, "equal": equally_spaced(place, size)}
                for way, choice in choices.items():
                    rows[way][size].append(bench.counts(place, choice, seed))
                    told = f"{place.brain.name}, seed {seed}, {size} sections, {way} {sorted(choice)}"
                    print(f"{told}: Dice {_of_one(rows[way][size][-1], place.label_set):.3f}", flush=True)
        for way, sizes in rows.items():
            for size, parts in sizes.items():
                found[way][size].append(np.concatenate(parts))
    return {way: {size: np.array(parts) for size, parts in sizes.items()} for way, sizes in found.items()}


def _of_one(counts: np.ndarray, label_set: LabelSet) -> float:
    """Dice over areas of one brain's tested sections together."""
    return macro_dice(dice_per_class(counts.sum(axis=0)), range(label_set.first_area, len(label_set.names)))


def figures(
    counts: Mapping[str, Mapping[int, np.ndarray]], groups: np.ndarray, areas: Sequence[int], seeds: int
) -> dict[str, object]:
    """Dice by number, and what suggest gains, with intervals."""
    rng = np.random.default_rng(0)
    whole = (np.ones((1, len(groups)), int), np.ones((1, seeds), int))
    draws = (nested_draws(groups, DRAWS, rng), even_draws(rng.uniform(size=(DRAWS, seeds)), seeds))
    found: dict[str, object] = {}
    gains = []
    for size in counts["equal"]:
        dice = {way: [_dice(sizes[size], *each, areas) for each in (whole, draws)] for way, sizes in counts.items()}
        gain = [one - other for one, other in zip(dice["suggest"], dice["equal"], strict=True)]
        gains.append(gain)
        found |= {f"dice_{way}_{size}": round(float(values[0][0]), 4) for way, values in dice.items()}
        found[f"gain_{size}"] = [round(float(gain[0][0]), 4), *(round(edge, 4) for edge in interval_95(gain[1]))]
    mean = [np.mean([gain[kind] for gain in gains[1:]], axis=0) for kind in (0, 1)]
    found["gain_mean"] = [round(float(mean[0][0]), 4), *(round(edge, 4) for edge in interval_95(mean[1]))]
    return found


def _dice(counts: np.ndarray, sections: np.ndarray, seeds: np.ndarray, areas: Sequence[int]) -> np.ndarray:
    """For each draw: Dice over areas of the pooled sections, mean over seeds as often as they were drawn."""
    by_seed = mean_known(pooled_dice(counts, sections, areas))
    return (by_seed * seeds).sum(axis=1) / seeds.sum(axis=1)


def main(plan: Plan) -> dict[str, object]:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name) / "dataset"
        make_phantom_of(root, None, plan.phantom, None, silent)
        dataset = open_dataset(root)
        places = [ground(brain, plan.texture) for brain in dataset.brains()]
        counts = measured(plan, places, Path(name) / "weights")
    groups = np.repeat(np.arange(len(places)), [len(place.tested) for place in places])
    areas = range(dataset.label_set.first_area, len(dataset.label_set.names))
    return figures(counts, groups, areas, plan.seeds)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--brains", type=int, default=2)
    parser.add_argument("--seeds", type=int, default=2)
    arguments = parser.parse_args()
    chosen_plan = quick_plan() if arguments.quick else full_plan(arguments.brains, arguments.seeds)
    told = main(chosen_plan)
    sizes = {"brains": len(chosen_plan.phantom.brains), "seeds": chosen_plan.seeds}
    print(json.dumps({"quick": arguments.quick, **sizes, **told}))
