"""A finished model as a folder that can be handed on: weights, what is needed to use them, and a model card."""

from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from gennari.data.pixels import Normalisation
from gennari.errors import InputError
from gennari.nets.area_unet import AreaUNet
from gennari.nets.weights import NetRecord, load_area_unet
from gennari.pipeline.stages import Run, create_run
from gennari.recipes.experiment import Experiment
from gennari.records import LabelSet
from gennari.sources.atomic import write_json
from gennari.sources.documents import file_digest, read_json
from gennari.sources.manifests import LabelSetEntry

WEIGHTS, CONFIG, CARD = "weights.safetensors", "config.json", "README.md"
SHIPPED = "phantom-small"
"""The model that comes with the package, made by bench/ship_model.py."""
USED = "model.json"
"""Where a run says which finished model segmented it."""


class ModelConfig(BaseModel):
    """config.json of a model.

    Attributes:
        net: which layers the weights belong to.
        normalisation: of grey values; the network sees (grey / 255 - mean) / std.
        label_set: what its outputs mean, in their order.
        experiment: all settings it was trained with.
        variant: "pretrained" or "baseline".
        data: name of the data set it was trained on.
        data_licence: of that data set; it may bind the weights too (the model card says how).
        synthetic: whether that data set is a phantom.
        weights_sha256: of weights.safetensors.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    net: NetRecord
    normalisation: Normalisation
    label_set: LabelSetEntry
    experiment: Experiment
    variant: str
    data: str
    data_licence: str
    data_fingerprint: str
    synthetic: bool
    gennari: str
    revision: str
    weights_sha256: str
    format_version: Literal[1] = 1


class UsedModel(BaseModel):
    """model.json of a run that a finished model segments."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    folder: str
    weights_sha256: str


@dataclass(frozen=True, kw_only=True)
class Model:
    """A folder with a finished model; its weights are read when they are asked for."""

    folder: Path
    config: ModelConfig

    @property
    def label_set(self) -> LabelSet:
        """The classes it gives."""
        return self.config.label_set.label_set()

    @property
    def normalisation(self) -> Normalisation:
        """Of grey values."""
        return self.config.normalisation

    def net(self) -> AreaUNet:
        """The network, in evaluation mode; raises InputError if the weights are not those that config.json names."""
        path = self.folder / WEIGHTS
        net = load_area_unet(path)
        if file_digest(path) != self.config.weights_sha256:
            raise InputError(
                f"{path} must be the weights that {CONFIG} beside it was written for, but its SHA-256 is another; "
                "copy the whole folder again"
            )
        return net

    @property
    def words(self) -> str:
        """One sentence that says what is used, for whoever is about to read maps of it."""
        kind = "the small model that ships with gennari" if self.folder == shipped_folder() else f"{self.folder}"
        warning = ", which is synthetic: its maps of real tissue are a first look and no result"
        told = f"{self.config.data}{warning if self.config.synthetic else ''}"
        return (
            f"uses {kind} ({self.config.name}), trained on {told}. "
            f"Licence of that data: {self.config.data_licence.rstrip('. ')}."
        )


def open_model(folder: Path) -> Model:
    """The model in a folder, such as `gennari export RUN --what model` writes.

    Raises:
        InputError: there is none, its config is malformed, or it asks for code that is not ours.
    """
    if not (folder / CONFIG).is_file():
        raise InputError(
            f"a model is a folder with {CONFIG} and {WEIGHTS}, but {folder} is none; "
            "make one with `gennari export RUN --what model`"
        )
    config = read_json(folder / CONFIG, ModelConfig)
    for texture in (config.net.config, config.experiment.texture):
        if texture.foreign:  # a model comes from anybody
            raise InputError(
                f"a finished model must run on code of gennari alone, but {folder} asks for '{texture.encoder}'; use "
                "the .pt2 programs that `gennari export` writes beside it, or the run that it was trained in"
            )
    return Model(folder=folder, config=config)


def shipped_folder() -> Path:
    """Where the package keeps the model that ships with it."""
    return Path(str(files("gennari"))) / "models" / SHIPPED


def shipped_model() -> Model:
    """The model that ships with the package; raises InputError if this copy of the package has none."""
    folder = shipped_folder()
    if not (folder / CONFIG).is_file():
        raise InputError(
            f"this copy of gennari ships no model ({folder} holds none); name one with --model, "
            "or train your own with `gennari finetune`"
        )
    return open_model(folder)


def create_model_run(root: Path, dataset_path: Path, model: Model) -> Run:
    """Make a run folder in which a finished model segments a data set, or go on with the one that is there.

    Its recipe is the model's, called after it and its weights, so that another model is refused as another recipe is.

    Raises:
        InputError: as `create_run`.
    """
    digest = model.config.weights_sha256
    name = f"{model.config.name}@{digest[:12]}"
    run = create_run(root, dataset_path, model.config.experiment.model_copy(update={"name": name}))
    if not run.path(USED).exists():
        write_json(run.path(USED), UsedModel(folder=str(model.folder.resolve()), weights_sha256=digest))
    return run


def used_model(run: Run) -> Model | None:
    """The finished model that a run was made for; None where it trains its own.

    Raises:
        InputError: the model is gone or was replaced.
    """
    if not run.path(USED).exists():
        return None
    used = read_json(run.path(USED), UsedModel)
    model = open_model(Path(used.folder))
    if model.config.weights_sha256 != used.weights_sha256:
        raise InputError(
            f"{run.root} was begun with other weights than {used.folder} holds now; give another run folder"
        )
    return model
