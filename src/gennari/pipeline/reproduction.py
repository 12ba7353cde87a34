"""One pre-training of the table: its patches, its weights, what it knows of distances."""

import time
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Annotated

import numpy as np
import torch
from pydantic import BaseModel, BeforeValidator, ConfigDict

from gennari.data.pixels import Normalisation
from gennari.data.prepare import normalise
from gennari.execute import Report
from gennari.metrics.distances import DistanceError, distance_error, section_predictor_mm
from gennari.nets.siamese import SiameseNet
from gennari.nets.sizes import TextureConfig
from gennari.nets.weights import load_siamese, save_net
from gennari.pipeline.cells import nan_for_null
from gennari.pipeline.near import near_of
from gennari.pipeline.pretext_sets import PretextSet, exchanged, few, patches_in, set_of_run, transductive_set
from gennari.pipeline.row_plans import Pretext, Source
from gennari.pipeline.section_store import SectionStore
from gennari.pipeline.stages import Run, open_run
from gennari.recipes.tables import Reproduction
from gennari.records import PairTable
from gennari.sources.atomic import write_json
from gennari.sources.dataset import Dataset, fingerprint
from gennari.sources.documents import read_json
from gennari.train.devices import fastest_device
from gennari.train.distances import calibrate_on, predict_distances, read_by
from gennari.train.pretrain import PretrainRow, pretrain
from gennari.train.settings import PretrainSettings

NORMALISATION = "normalisation.json"
_FEW = 11
"""Randomness has a purpose: it goes into the seed."""
STATISTICS_PATCHES, STATISTICS_BATCHES = 2048, 16


class PretextResult(BaseModel):
    """What a finished pre-training is known by.

    Attributes:
        patches: it learned from.
        distance: on the held-out pairs of the unlabelled brain, whatever it learned from.
        convergence: (epoch, err_dist in mm) on its own held-out pairs.
        seconds: the last call took; more was spent where it was interrupted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    patches: int
    distance: Annotated[DistanceError, BeforeValidator(nan_for_null)]
    convergence: tuple[tuple[float, float], ...]
    seconds: float


@dataclass(frozen=True, kw_only=True)
class Work:
    """Where a table is made, and from what. Picklable: every worker gets it.

    Attributes:
        root: folder of the work; can be thrown away once the table stands.
        recipe: all numbers.
        threads: of one worker.
    """

    root: Path
    recipe: Reproduction
    threads: int

    def source(self, name: Source) -> Path:
        """The run folder of a source of patches; the labelled brains' patches stand in the main one."""
        return self.root / "sources" / ("pretext" if name == "transductive" else name)

    def run(self, name: Source = "pretext") -> Run:
        """The run whose unlabelled brain gives a source's patches."""
        return open_run(self.source(name))

    @cached_property
    def dataset(self) -> Dataset:
        """The data set of the table."""
        return self.run().dataset

    @cached_property
    def fingerprint(self) -> str:
        """Of that data set."""
        return fingerprint(self.dataset)

    @property
    def store(self) -> SectionStore:
        """The labelled sections as arrays."""
        return SectionStore(folder=self.root / "sections")

    def pretext_folder(self, pretext: Pretext, seed: int) -> Path:
        """Where a pre-training's weights stand."""
        return self.root / "pretext" / f"{pretext.name}-{seed}"

    @property
    def normalisation(self) -> Normalisation:
        """Of grey values: that of the unlabelled brain's training patches, the same for all rows."""
        return read_json(self.root / NORMALISATION, Normalisation)


def train_pretext(work: Work, pretext: Pretext, seed: int, tick: Report) -> PretextResult:
    """Pre-train, or resume, or read what is finished; `weights.safetensors` and `result.json` stand in its folder."""
    torch.set_num_threads(work.threads)
    out, began = work.pretext_folder(pretext, seed), time.monotonic()
    if (out / "result.json").exists():
        return read_json(out / "result.json", PretextResult)
    main = set_of_run(work.run())
    chosen = _chosen(work, pretext, seed, main, tick)
    settings = settings_of(work.recipe, pretext, seed)
    history: tuple[PretrainRow, ...] = ()
    if pretext.trained:
        near = near_of(work.run(pretext.source), chosen.patches, chosen.train, settings, tick)
        done = pretrain(
            settings, work.recipe.experiment.texture, chosen.images, chosen.patches, chosen.train, work.normalisation,
            out, tick, validation=chosen.held_out, near=near,
        )  # fmt: skip
        history = done.history
    else:
        texture = work.recipe.experiment.texture
        save_untrained(out / "weights.safetensors", texture, chosen, work.normalisation, settings.seed)
    net = load_siamese(out / "weights.safetensors", work.recipe.experiment.texture.encoder).to(fastest_device())
    result = PretextResult(
        patches=patches_in(chosen.train),
        distance=_distance(net, work.normalisation, main, chosen, settings),
        convergence=tuple((row.epoch, row.err_dist_mm) for row in history if np.isfinite(row.err_dist_mm)),
        seconds=round(time.monotonic() - began, 1),
    )
    write_json(out / "result.json", result)
    return result


def settings_of(recipe: Reproduction, pretext: Pretext, seed: int) -> PretrainSettings:
    """The numbers of one pre-training."""
    update: dict[str, object] = {
        "seed": seed,
        "use_distance": pretext.use_distance,
        "use_coordinates": pretext.use_coordinates,
    }
    if pretext.few:
        update["epochs"] = recipe.few_epochs
    return recipe.experiment.pretrain.model_copy(update=update)


def prepare_normalisation(work: Work, tick: Report) -> None:
    """Grey-value statistics of the unlabelled brain's training patches, once for all rows."""
    path = work.root / NORMALISATION
    if not path.exists():
        main = set_of_run(work.run())
        rows = np.flatnonzero(main.patches.split == "train")
        found = Normalisation.of(main.images, rows, work.recipe.experiment.seed, tick)
        write_json(path, {"mean": found.mean, "std": found.std})


def _chosen(work: Work, pretext: Pretext, seed: int, main: PretextSet, tick: Report) -> PretextSet:
    """The patches that a pre-training learns from."""
    run = work.run(pretext.source)
    if pretext.source == "pretext":
        chosen = main
    else:
        chosen = transductive_set(run, tick) if pretext.source == "transductive" else set_of_run(run)
    if pretext.few:
        rng = np.random.default_rng([seed, _FEW])
        chosen = replace(chosen, train=few(chosen.train, work.recipe.few, len(chosen.patches), rng))
    return exchanged(chosen, seed) if pretext.permuted else chosen


def _distance(
    net: SiameseNet, normalisation: Normalisation, main: PretextSet, chosen: PretextSet, settings: PretrainSettings
) -> DistanceError:
    """err_dist on the unlabelled brain's held-out pairs, after one affine calibration where none was taught.

    The median predictor and the one that sees section numbers alone know the training pairs of that brain.
    """
    assert main.held_out is not None, "the unlabelled brain has held-out sections"
    by = read_by(settings)
    predicted = predict_distances(net, main.images, normalisation, main.held_out, by)
    if not settings.use_distance:
        predicted = calibrate_on(net, chosen.images, normalisation, chosen.train, by).apply(predicted)
    section_only = section_predictor_mm(_gap(main, main.train), main.train.distance_mm, _gap(main, main.held_out))
    return distance_error(
        predicted,
        main.held_out.distance_mm,
        constant_mm=float(np.median(main.train.distance_mm)),
        section_only=section_only,
    )


def _gap(of: PretextSet, pairs: PairTable) -> np.ndarray:
    """How many numbers the two sections of each pair lie apart."""
    return np.abs(of.patches.section[pairs.first] - of.patches.section[pairs.second]).astype(float)


@torch.no_grad()
def save_untrained(
    path: Path, texture: TextureConfig, chosen: PretextSet, normalisation: Normalisation, seed: int
) -> None:
    """Random weights whose batch norm statistics are those of the training patches."""
    net = SiameseNet(texture, torch.Generator().manual_seed(seed))
    norms = [module for module in net.modules() if isinstance(module, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # a plain mean over the batches
    rows = np.unique(np.concatenate([chosen.train.first, chosen.train.second]))
    rng = np.random.default_rng(seed)
    batches = np.array_split(rng.permutation(rows)[:STATISTICS_PATCHES], STATISTICS_BATCHES)
    net.train()
    for batch in batches:
        grey = normalise(chosen.images.read(batch), normalisation)
        net.texture(torch.from_numpy(grey[:, None]))
    save_net(path, net)
