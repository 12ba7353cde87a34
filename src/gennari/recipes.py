"""Every experiment as a named, frozen value; one is derived from another by `model_copy(update=...)`."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from gennari.data.augmentation import Augmentation
from gennari.errors import InputError
from gennari.nets.sizes import PRESETS, TextureConfig
from gennari.phantom.settings import BrainPlan, PhantomSettings
from gennari.sampling.pairs import PairSettings
from gennari.sampling.settings import PatchSettings
from gennari.sampling.split import SplitSettings
from gennari.sources.documents import parse
from gennari.train.settings import FinetuneSettings, Optimiser, Phase, PretrainSettings

T = TypeVar("T")


class Experiment(BaseModel):
    """All that decides a run's result, beside its data set.

    Attributes:
        pretext_split: of the sections of unlabelled brains.
        area_split: of the sections of labelled brains.
        seed: of splits and sampling; the trainings have seeds of their own.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    seed: int = 0
    pretext_split: SplitSettings = SplitSettings()
    area_split: SplitSettings = SplitSettings()
    patches: PatchSettings = PatchSettings()
    pairs: PairSettings = PairSettings()
    texture: TextureConfig
    pretrain: PretrainSettings
    finetune: FinetuneSettings


def _labelled(sections: int) -> tuple[BrainPlan, ...]:
    return tuple(
        BrainPlan(name=name, role="labelled", sections=sections, first=first)
        for name, first in zip("ABCD", (0.2, 0.4, 0.6, 0.8), strict=True)
    )


# the plan of the paper: one brain without labels, and 111 partly annotated sections of four others
DEFAULT_BRAINS = (
    BrainPlan(name="P", role="pretext", sections=240),
    *(
        BrainPlan(name=name, role="labelled", sections=sections, first=first)
        for name, sections, first in zip("ABCD", (28, 28, 28, 27), (0.2, 0.4, 0.6, 0.8), strict=True)
    ),
)

# tissue by BigBrain's staining profiles, not by a wished Dice, and frozen: variance between areas over that within
# 0.131 (0.127 and 0.143 there), area deviations over the mean profile 0.31 (0.36 and 0.37); bench/profile_realism.py
DEFAULT_PHANTOM = PhantomSettings(brains=DEFAULT_BRAINS).model_copy(
    update={"area_contrast": 1.0, "gradient": 0.2, "density_sd": 0.15, "boundary_sd": 0.08}
)
# slow trends of ln 2 say more of a place than real profiles do: variance ratio 0.16, deviations 0.38
EASY_PHANTOM = DEFAULT_PHANTOM.model_copy(update={"gradient": 0.69, "density_sd": 0.12, "boundary_sd": 0.06})
# fainter areas, more variation inside them: variance ratio 0.07, half of BigBrain's
HARD_PHANTOM = DEFAULT_PHANTOM.model_copy(update={"area_contrast": 0.6, "density_sd": 0.3, "boundary_sd": 0.15})
DEMO_PHANTOM = EASY_PHANTOM.model_copy(
    update={"brains": (BrainPlan(name="P", role="pretext", sections=108), *_labelled(6))}
)
TINY_PHANTOM = PhantomSettings(
    brains=(BrainPlan(name="P", role="pretext", sections=8), *_labelled(3)), spacing_um=64.0, subdivisions=0
)

PHANTOMS: Mapping[str, PhantomSettings] = MappingProxyType(
    {
        "demo": DEMO_PHANTOM,
        "default": DEFAULT_PHANTOM,
        "easy": EASY_PHANTOM,
        "hard": HARD_PHANTOM,
        "tiny": TINY_PHANTOM,
    }
)

DEMO = Experiment(
    name="demo",
    pretext_split=SplitSettings(blocks=2, test_share=1 / 8, val_share=0.0),
    # 6 sections a brain, about 12 mm apart: one of each half is held out, neighbours are far beyond any guard
    area_split=SplitSettings(blocks=2, test_share=1 / 3, val_share=0.0),
    patches=PatchSettings(count=22000),
    # patches of 96 px (3 mm), many, from many sections: 6,000 of 64 px from 72 sections were learned by heart
    texture=PRESETS["demo32-narrow"].model_copy(update={"patch_px": 96}),
    # departures from the paper, for two cores and a few minutes: AdamW and one cycle instead of SGD with halvings
    # (a hundredth of the steps), alpha 1 and distances in units of 10 mm (with mm and alpha 10 nearly all of the
    # gradient on f is l_coord), lambda 1e-5 for the shorter training
    pretrain=PretrainSettings(
        epochs=7,
        batch=64,
        rate=0.003,
        schedule="one-cycle",
        optimiser=Optimiser(name="adamw", weight_decay=0.05),
        augmentation=Augmentation(mirror=0.5, gain=0.3, gamma=0.2),
        alpha=1.0,
        weight_penalty=1e-5,
        distance_scale_mm=10.0,
    ),
    # the paper's optimiser and two phases; one cycle a phase, for a thirtieth of the steps. The prior is displaced by
    # up to 3 mm along each axis (47 px of 64 µm): it lies wrong by as much in every brain
    finetune=FinetuneSettings(
        phases=(
            Phase(steps=300, rate=0.02, schedule="one-cycle"),
            Phase(steps=500, rate=0.02, schedule="one-cycle", atlas=True, atlas_rate_factor=3.0),
        ),
        batch=16,
        window_px=128,
        atlas_widths=(16, 16, 32, 32),
        optimiser=Optimiser(name="sgd"),
        augmentation=Augmentation(mirror=0.5, gain=0.3, gamma=0.2, prior_shift_px=47),
    ),
)

TINY = DEMO.model_copy(
    update={
        "name": "tiny",
        "pretext_split": SplitSettings(blocks=1, test_share=1 / 4, val_share=0.0),
        "area_split": SplitSettings(blocks=1, test_share=1 / 3, val_share=0.0),
        "patches": PatchSettings(count=300),
        "texture": PRESETS["demo32-narrow"].model_copy(update={"spacing_um": 64.0, "channels": (8, 8, 16, 16)}),
        "pretrain": DEMO.pretrain.model_copy(update={"epochs": 2}),
        "finetune": DEMO.finetune.model_copy(
            update={
                "phases": tuple(phase.model_copy(update={"steps": 6}) for phase in DEMO.finetune.phases),
                "batch": 4,
                "atlas_widths": (8, 8, 8, 8),
            }
        ),
    }
)
"""Seconds instead of minutes: it shows that everything runs, its figures mean nothing."""


class Reproduction(BaseModel):
    """All that decides the paper's table, beside its data set.

    Attributes:
        experiment: sampling, networks, pre-training on all patches, fine-tuning.
        few: patches of the rows that have few.
        few_epochs: epochs on them.
        rates: fine-tuning rates tried for every row on validation sections.
        seeds: of training, and of which patches the few are.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    experiment: Experiment
    few: PositiveInt
    few_epochs: PositiveInt
    rates: tuple[PositiveFloat, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)


# 27 or 28 sections a brain, 2.5 mm apart: two tested sections and a validation section in each half, each run with a
# guard section on both sides, and of 200 such splits the one that leaves the fewest areas out of a part. More runs
# would guard away what is left to train on (four a brain leave 3 to 7 of 28 sections, two leave 13 or 14)
DEFAULT = DEMO.model_copy(update={"name": "default", "area_split": SplitSettings(blocks=2, draws=200)})

PAPER_2018 = Experiment(
    name="paper-2018",
    # printed: 1/12 of the sections is held out for the pretext task
    pretext_split=SplitSettings(kind="paper", every=12),
    # not printed: how the 111 sections were split; here runs with guard bands, so that no tested one has a neighbour
    # in training
    area_split=SplitSettings(blocks=2, draws=200),
    # printed: 200,000 patches from the centre of cortex cut at 90 +- 45 degrees; sections 0-3000, which the data set's
    # list of sections says. Not printed: how near the centre, how much tissue; upright is of the authors' scripts
    patches=PatchSettings(
        count=200_000, min_plane_angle_deg=45.0, min_tissue=0.0, min_quality="poor", orientation="upright"
    ),
    # printed: as many pairs as patches, within a hemisphere, degrees by a power law. Departure: few hubs carry it, so
    # that 2,000 sources of distances do instead of 28,000
    pairs=PairSettings(),
    # printed: 2 um, 1019 px. The stem's ReLU is ours; widths are of the authors' scripts
    texture=PRESETS["s2"],
    # printed: all but batch, momentum, unit of distance (mm, as its figure's axis has it) and the norm's square, which
    # its words, L2 regularisation with a weight decay factor, mean and its formula leaves out (squared_norm=False)
    pretrain=PretrainSettings(
        epochs=16,
        rate=0.01,
        schedule="halving",
        halve_every=3,
        optimiser=Optimiser(name="sgd", momentum=0.9, nesterov=True),
        alpha=10.0,
        weight_penalty=0.001,
        distance_scale_mm=1.0,
    ),
    # printed: all but momentum and the atlas branch's widths (here the image branch's). Departure: windows of 2043 px,
    # since no net of valid convolutions takes both its 1019 and its 2025; 644 px of 4 um come out
    finetune=FinetuneSettings(
        phases=(
            Phase(steps=8000, rate=0.05, halve_at=(3000, 5000, 6000)),
            Phase(steps=10_000, rate=0.025, halve_at=(3000, 5000, 6000), atlas=True, atlas_rate_factor=10.0),
        ),
        batch=40,
        window_px=2043,
        classes_even=False,
        atlas_widths=PRESETS["s2"].channels,
        optimiser=Optimiser(name="sgd", momentum=0.9, nesterov=True),
    ),
)
"""Spitzer et al. 2018 as printed (sections 3.1 and 3.2); for a user's own sections, it has no phantom."""

# printed: a tenth of the patches for 50 epochs; that the rate halves every 3 of these too is read from the text
PAPER_2018_20K = PAPER_2018.model_copy(
    update={
        "name": "paper-2018-20k",
        "patches": PAPER_2018.patches.model_copy(update={"count": 20_000}),
        "pretrain": PAPER_2018.pretrain.model_copy(update={"epochs": 50}),
    }
)

EXPERIMENTS: Mapping[str, Experiment] = MappingProxyType(
    {
        "demo": DEMO,
        "default": DEFAULT,
        "easy": DEFAULT.model_copy(update={"name": "easy"}),
        "hard": DEFAULT.model_copy(update={"name": "hard"}),
        "tiny": TINY,
        "paper-2018": PAPER_2018,
        "paper-2018-20k": PAPER_2018_20K,
    }
)


SMALL = Reproduction(name="small", experiment=DEFAULT, few=2500, few_epochs=20, rates=(0.01, 0.02, 0.05))
TINY_TABLE = Reproduction(
    name="tiny",
    experiment=TINY.model_copy(update={"area_split": SplitSettings(blocks=1, test_share=1 / 3, val_share=1 / 3)}),
    few=60,
    few_epochs=2,
    rates=(0.01, 0.02),
    seeds=(0, 1),
)

REPRODUCTIONS: Mapping[str, Reproduction] = MappingProxyType({"small": SMALL, "tiny": TINY_TABLE})


def reproduction(name: str) -> Reproduction:
    """Settings of the paper's table by name (InputError naming those there are)."""
    return _named(REPRODUCTIONS, name, "table")


def experiment(name: str) -> Experiment:
    """A recipe by name (InputError naming those there are)."""
    return _named(EXPERIMENTS, name, "recipe")


def changed(recipe: Experiment, **parts: Mapping[str, object]) -> Experiment:
    """A recipe with some settings replaced, by part (`patches={"count": 500}`); what is None stays as it is.

    Raises:
        InputError: a setting is unknown or does not fit.
    """
    values = recipe.model_dump()
    for part, settings in parts.items():
        values[part] |= {key: value for key, value in settings.items() if value is not None}
    return parse(values, Experiment, f"recipe '{recipe.name}' as changed by options")


def phantom_settings(name: str) -> PhantomSettings:
    """Settings of a phantom by name (InputError naming those there are)."""
    return _named(PHANTOMS, name, "phantom")


def _named(table: Mapping[str, T], name: str, what: str) -> T:
    if name not in table:
        raise InputError(f"a {what} must be one of {', '.join(table)}, got '{name}'; check --preset")
    return table[name]
