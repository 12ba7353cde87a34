"""What the paper's table is made with, by size: on two cores, on a GPU, on a user's own sections."""

from collections.abc import Mapping
from types import MappingProxyType

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from gennari.data.augmentation import Augmentation
from gennari.recipes.experiment import Experiment, named
from gennari.recipes.paper import PAPER_2018
from gennari.recipes.presets import SMALL_EXPERIMENT, TINY
from gennari.sampling.split import SplitSettings

_CHANGES = Augmentation(mirror=0.5, gain=0.3, gamma=0.2)


class Reproduction(BaseModel):
    """All that decides the paper's table, beside its data set.

    Attributes:
        experiment: sampling, networks, pre-training on all patches, fine-tuning.
        few: patches of the rows that have few.
        few_epochs: epochs on them.
        rates: fine-tuning rates tried for every row on validation sections.
        seeds: of training, and of which patches the few are.
        control_seeds: those that controls are made with, since there are twice as many of them as of rows.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    experiment: Experiment
    few: PositiveInt
    few_epochs: PositiveInt
    rates: tuple[PositiveFloat, ...] = Field(min_length=1)
    seeds: tuple[int, ...] = Field(default=(0, 1, 2), min_length=1)
    control_seeds: tuple[int, ...] = Field(default=(0,), min_length=1)


SMALL = Reproduction(name="small", experiment=SMALL_EXPERIMENT, few=9_400, few_epochs=6, rates=(0.001, 0.002))

# on a GPU: the paper's patches, networks and schedules; runs of sections are held out in the pretext task too, and the
# phantom's windows are changed at random
_FULL = PAPER_2018.model_copy(
    update={
        "name": "full",
        "pretext_split": SplitSettings(blocks=2, test_share=1 / 12, val_share=0.0),
        "pretrain": PAPER_2018.pretrain.model_copy(update={"augmentation": _CHANGES, "loaders": 4}),
        "finetune": PAPER_2018.finetune.model_copy(
            update={"augmentation": _CHANGES.model_copy(update={"prior_shift_px": 750}), "loaders": 4}
        ),
    }
)
FULL = Reproduction(name="full", experiment=_FULL, few=20_000, few_epochs=50, rates=(0.0125, 0.025, 0.05))
# a user's own 111 sections, as printed
PAPER = Reproduction(name="paper", experiment=PAPER_2018, few=20_000, few_epochs=50, rates=(0.0125, 0.025, 0.05))
TINY_TABLE = Reproduction(
    name="tiny",
    experiment=TINY.model_copy(update={"area_split": SplitSettings(blocks=1, test_share=1 / 3, val_share=1 / 3)}),
    few=60,
    few_epochs=2,
    rates=(0.01, 0.02),
    seeds=(0, 1),
)

REPRODUCTIONS: Mapping[str, Reproduction] = MappingProxyType(
    {"small": SMALL, "full": FULL, "paper": PAPER, "tiny": TINY_TABLE}
)


def reproduction(name: str) -> Reproduction:
    """Settings of the paper's table by name (InputError naming those there are)."""
    return named(REPRODUCTIONS, name, "table")
