"""All numbers of an experiment in one frozen value, and how one is found by its name."""

from collections.abc import Mapping
from typing import TypeVar

from pydantic import BaseModel, ConfigDict

from gennari.errors import InputError
from gennari.nets.sizes import TextureConfig
from gennari.sampling.pairs import PairSettings
from gennari.sampling.settings import PatchSettings
from gennari.sampling.split import SplitSettings
from gennari.sources.documents import parse
from gennari.train.settings import FinetuneSettings, PretrainSettings

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


def changed(recipe: Experiment, **parts: Mapping[str, object]) -> Experiment:
    """A recipe with some settings replaced, by part (`patches={"count": 500}`); what is None stays as it is.

    Raises:
        InputError: a setting is unknown or does not fit.
    """
    values = recipe.model_dump()
    for part, settings in parts.items():
        values[part] |= {key: value for key, value in settings.items() if value is not None}
    return parse(values, Experiment, f"recipe '{recipe.name}' as changed by options")


def named(table: Mapping[str, T], name: str, what: str) -> T:
    """The entry of this name (InputError naming those there are)."""
    if name not in table:
        raise InputError(f"a {what} must be one of {', '.join(table)}, got '{name}'; check --preset")
    return table[name]
