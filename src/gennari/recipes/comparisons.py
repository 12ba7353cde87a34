"""What pre-trainings are compared with: objectives, encoders, label budgets, by size."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, PositiveFloat, PositiveInt

from gennari.apply.context_settings import ContextSettings
from gennari.nets.sizes import TextureConfig
from gennari.recipes.experiment import named
from gennari.recipes.tables import SMALL, TINY_TABLE, Reproduction
from gennari.train.contrast import Contrast
from gennari.train.settings import PretrainSettings

UNTRAINED, PAPERS, PAPERS_ENCODER = "none", "L", "paper"
"""The objective without any pre-training, the paper's, and the paper's branch."""
UNTRAINED_LONG = f"{UNTRAINED}-long"
"""The first with a longer fine-tuning, which costs what the paper's does in all."""
ALL_SECTIONS = 111
"""A budget of at least the training sections stands for all of them; 111 is what the paper's annotators drew."""


class Objective(BaseModel):
    """One way to pre-train.

    Attributes:
        settings: of the pretext task; None: no pre-training at all.
        patches: "pretext": the unlabelled brain's; "individuals": also those of the labelled brains' training sections,
            as many in all; "one-cytoarchitecture": those of a brain whose areas all look alike (a control).
        crossing: pairs may span both hemispheres.
        permuted: each patch gets the targets of another one (a control).
        trained: False leaves random weights with batch norm statistics of the patches (a control).
        steps_factor: times the recipe's steps of fine-tuning: time that a shorter pre-training saves.
        frozen: features stay as pre-training left them, and a light decoder reads them (a control).
        taught_as: name of the objective whose pre-trained weights it takes; its settings are that one's.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    settings: PretrainSettings | None = None
    patches: Literal["pretext", "individuals", "one-cytoarchitecture"] = "pretext"
    crossing: bool = False
    permuted: bool = False
    trained: bool = True
    steps_factor: PositiveFloat = 1.0
    frozen: bool = False
    taught_as: str | None = None

    @property
    def words(self) -> str:
        """All of it as JSON, for hashes; what came later and says nothing is left out, so that these stay."""
        fields = type(self).model_fields
        later = ("steps_factor", "frozen", "taught_as")
        return self.model_dump_json(exclude={name for name in later if getattr(self, name) == fields[name].default})


class Encoder(BaseModel):
    """A texture branch by a short name."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    texture: TextureConfig


class Comparison(BaseModel):
    """All that decides a comparison, beside its data set.

    Attributes:
        base: sampling, split, fine-tuning and rates, which all cells share with the paper's table.
        objectives: the unpre-trained one and the paper's among them.
        beside: controls, and variants that need samples of their own: made with all labels and the first seed only, and
            none of them can win.
        encoders: the paper's first.
        budgets: numbers of annotated sections to learn from.
        first_budgets: those that objectives are told apart by, on the first seed.
        context: with which the winner is confirmed, beside without; chosen for the paper's L on validation sections
            (bench/context.py).
        best: how many objectives go on to all budgets and seeds, beside the paper's and the unpre-trained one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    base: Reproduction
    objectives: tuple[Objective, ...] = Field(min_length=2)
    beside: tuple[Objective, ...] = ()
    encoders: tuple[Encoder, ...] = Field(min_length=1)
    budgets: tuple[PositiveInt, ...] = Field(default=(ALL_SECTIONS, 33, 11, 4), min_length=1)
    first_budgets: tuple[PositiveInt, ...] = Field(default=(ALL_SECTIONS, 11), min_length=1)
    context: ContextSettings = ContextSettings()
    best: PositiveInt = 3

    def objective(self, name: str) -> Objective:
        """An objective, or what stands beside, by name (InputError naming those there are)."""
        return named({one.name: one for one in (*self.objectives, *self.beside)}, name, "objective")

    def encoder(self, name: str) -> Encoder:
        """An encoder by name (InputError naming those there are)."""
        return named({one.name: one for one in self.encoders}, name, "encoder")


def _objectives(base: PretrainSettings) -> tuple[Objective, ...]:
    """The same schedule and number of patches for all; what differs is what is asked of them."""
    # a batch of 128 patches has few that are near each other by chance; the first numbers that were tried
    hard, soft = Contrast(kind="hard"), Contrast(kind="soft")
    heads = {"curvature_weight": 1.0, "plane_weight": 1.0}

    def asked(name: str, **changes: object) -> Objective:
        return Objective(name=name, settings=base.model_copy(update=changes))

    def alone(contrast: Contrast) -> dict[str, object]:
        return {"use_distance": False, "use_coordinates": False, "contrast": contrast}

    found = {
        one.name: one
        for one in (
            Objective(name=UNTRAINED),
            asked(PAPERS),
            asked("dist", use_coordinates=False),
            asked("coord", use_distance=False),
            asked("L-alpha-1", alpha=1.0),
            asked("L-alpha-0.1", alpha=0.1),
            asked("L-heads", **heads),
            Objective(name="L-individuals", settings=base, patches="individuals"),
            asked("contrast", **alone(hard)),
            asked("soft-contrast", **alone(soft)),
            asked("L-contrast", contrast=hard.model_copy(update={"weight": 10.0})),
            asked("coord-soft-contrast", use_distance=False, contrast=soft.model_copy(update={"weight": 10.0})),
        )
    }
    # what may add up
    for name in ("coord", "soft-contrast", "coord-soft-contrast"):
        together = found[name].model_copy(update={"name": f"{name}-individuals", "patches": "individuals"})
        found[together.name] = together
    # one epoch instead of two, and what that saves in fine-tuning: half of L's pre-training costs two of its
    # fine-tunings (docs/results.md: every fine-tuning of the table is cut short)
    for name in (PAPERS, "soft-contrast", "coord-soft-contrast"):
        settings = found[name].settings
        assert settings is not None, "these are pre-trained"
        half = settings.model_copy(update={"epochs": max(1, settings.epochs // 2)})
        found[f"{name}-short"] = Objective(name=f"{name}-short", settings=half, steps_factor=3.0)
    return tuple(found.values())


def _beside(base: PretrainSettings, objectives: Sequence[Objective]) -> tuple[Objective, ...]:
    plain = base.model_copy(update={"augmentation": base.augmentation.model_copy(update={"gain": 0.0, "gamma": 0.0})})
    own = (
        Objective(name=UNTRAINED_LONG, steps_factor=5.0),  # what L costs in all, spent on fine-tuning
        Objective(name="L-crossing", settings=base, crossing=True),
        Objective(name="L-individuals-plain", settings=plain, patches="individuals"),  # stain is left as it is
        Objective(name="random-encoder", settings=base, trained=False),
        Objective(name="permuted-targets", settings=base, permuted=True),
        Objective(name="one-cytoarchitecture", settings=base, patches="one-cytoarchitecture"),
    )
    known = {one.name: one for one in (*objectives, *own)}

    def again(name: str, ending: str, **changes: object) -> Objective:
        return known[name].model_copy(update={"name": f"{name}-{ending}", "taught_as": name, **changes})

    return (
        *own,
        # fine-tuned as long as "none-long": is what is taught still worth something to a network that has all time?
        *(again(name, "long", steps_factor=5.0) for name in (PAPERS, "soft-contrast-short")),
        *(
            again(name, "frozen", frozen=True, steps_factor=1.0)
            for name in ("random-encoder", PAPERS, "soft-contrast-short")
        ),
    )


def _comparison(base: Reproduction, **changes: object) -> Comparison:
    pretrain, texture = base.experiment.pretrain, base.experiment.texture
    objectives = _objectives(pretrain)
    residual = texture.model_copy(update={"encoder": "residual", "pooling": "global"})
    return Comparison.model_validate(
        {
            "name": base.name,
            "base": base,
            "objectives": objectives,
            "beside": _beside(pretrain, objectives),
            "encoders": (
                Encoder(name=PAPERS_ENCODER, texture=texture),
                Encoder(name="residual", texture=residual),
            ),
            **changes,
        }
    )


COMPARISONS: Mapping[str, Comparison] = MappingProxyType(
    {
        "small": _comparison(SMALL),
        "tiny": _comparison(TINY_TABLE, budgets=(ALL_SECTIONS, 2), first_budgets=(ALL_SECTIONS,), best=1),
    }
)


def comparison(name: str) -> Comparison:
    """Settings of a comparison by name (InputError naming those there are)."""
    return named(COMPARISONS, name, "comparison")
