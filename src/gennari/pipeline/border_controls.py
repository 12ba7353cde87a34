"""What the borders of learned features are held against: other networks, and scores that no network makes."""

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import Float

from gennari.apply.borders import border_scores
from gennari.errors import InputError
from gennari.execute import Report, usable_cores
from gennari.pipeline.border_features import GREY, features_stage, read_features
from gennari.pipeline.border_places import PLACES_STAGE, Ask, borders_path
from gennari.pipeline.learning import normalisation
from gennari.pipeline.making import make_phantom_of
from gennari.pipeline.near import near_pairs
from gennari.pipeline.packing import pack_stage
from gennari.pipeline.pretext_sets import PretextSet, exchanged, set_of_run
from gennari.pipeline.pretext_sources import control_phantom
from gennari.pipeline.reproduction import save_untrained
from gennari.pipeline.sampling import sample_stage
from gennari.pipeline.section_tasks import ALONE, Spread
from gennari.pipeline.stages import Run, create_run, run_stage
from gennari.sampling.ribbon_places import RibbonPlaces
from gennari.sources.dataset import Brain
from gennari.surface.mesh import interpolate
from gennari.train.pretrain import kept_weights, pretrain

Controls = Literal["none", "cheap", "all"]
UNTRAINED, PERMUTED, ONE = "untrained", "permuted-targets", "one-cytoarchitecture"
ATLAS_CHANGE, INTENSITY, CLASSICAL, COMPONENTS, SHIFTED = (
    "atlas-gradient", "mean-intensity", "classical", "components", "shifted-labels"
)  # fmt: skip
NETWORKS: Mapping[Controls, tuple[str, ...]] = {
    "none": (), "cheap": (UNTRAINED,), "all": (UNTRAINED, PERMUTED, ONE),
}  # fmt: skip
"""Networks of each choice; those beyond "cheap" take a pre-training each, and ONE the drawing of a brain."""
KEPT_FEATURES_STAGE = "borders-features-kept"


def control_networks(run: Run, which: Controls, tick: Report) -> dict[str, Path]:
    """Weights of the control networks, made where they are missing, each a stage of its own that can be resumed."""
    made = {}
    for name in NETWORKS[which]:
        made[name] = borders_path(run, "controls", name, "weights.safetensors")
        run_stage(run, f"borders-{name}", ("sample", "pretrain"), partial(_make, run, name, made[name], tick), tick)
    return made


def control_features_stage(
    run: Run, ask: Ask, which: Controls, weights: Mapping[str, Path], tick: Report, spread: Spread = ALONE
) -> bool:
    """Features of the control networks and of those kept on the way, at the run's places."""
    after = (PLACES_STAGE, "pretrain", *(f"borders-{name}" for name in weights))
    done = bool(weights) and features_stage(run, ask, control_features(which), after, weights, tick, spread)
    kept = {kept_name(step): path for step, path in kept_weights(run.path("pretrain")).items()}
    if kept:
        done |= features_stage(run, ask, KEPT_FEATURES_STAGE, (PLACES_STAGE, "pretrain"), kept, tick, spread)
    return done


def control_features(which: Controls) -> str:
    """The stage that reads the features of a choice's networks."""
    return f"borders-features-{which}"


def kept_name(step: int) -> str:
    """What the features of weights kept after so many steps are called."""
    return f"step-{step:08d}"


def plain_scores(run: Run, brain: Brain, places: RibbonPlaces) -> dict[str, Float[np.ndarray, "n"]]:
    """Scores that need no network, from the same blocks: change of the atlas, step in mean intensity."""
    scores = {INTENSITY: border_scores(read_features(run, GREY), places)}
    if brain.manifest.atlas:
        scores[ATLAS_CHANGE] = border_scores(_atlas_at(brain, places), places)
    return scores


def _atlas_at(brain: Brain, places: RibbonPlaces) -> Float[np.ndarray, "n a"]:
    """Area probabilities of the atlas at places, with that of no area."""
    hemispheres, atlas, patches = brain.hemispheres(), brain.atlas(), places.patches
    out = np.zeros((len(places), atlas[0].shape[1]))
    for side, (hemisphere, probability) in enumerate(zip(hemispheres, atlas, strict=True)):
        own = np.flatnonzero((patches.side == side) & (patches.face >= 0))
        faces, weights = patches.face[own], patches.weights[own].astype(float)
        out[own] = interpolate(probability.astype(float), hemisphere.pial.faces, faces, weights)
    return np.column_stack([out, 1 - out.sum(axis=1)])


def _make(run: Run, name: str, weights: Path, tick: Report) -> list[Path]:
    chosen = _one_cytoarchitecture(run, tick) if name == ONE else set_of_run(run)
    settings = run.experiment.pretrain.model_copy(update={"keep_every": None})
    if name == UNTRAINED:
        save_untrained(weights, run.experiment.texture, chosen, normalisation(run), settings.seed)
        return [weights]
    if name == PERMUTED:
        chosen = exchanged(chosen, settings.seed)
    near = near_pairs(run, chosen.patches, settings.contrast.radius_mm, tick) if settings.contrast else None
    done = pretrain(
        settings, run.experiment.texture, chosen.images, chosen.patches, chosen.train, normalisation(run),
        weights.parent, tick, validation=chosen.held_out, near=near,
    )  # fmt: skip
    return [done.weights]


def _one_cytoarchitecture(run: Run, tick: Report) -> PretextSet:
    """Patches of a brain like the run's in all but that its cortex looks the same everywhere: geometry is left."""
    root = borders_path(run, "controls", ONE)
    settings, bundled = control_phantom(run.dataset, ONE)
    if not bundled:
        raise InputError(
            f"the control '{ONE}' draws a brain on the surfaces of the run's, which are not the bundled ones; leave it "
            "out with --controls cheap"
        )
    make_phantom_of(root / "dataset", None, settings, usable_cores(), tick)
    other = create_run(root / "run", root / "dataset", run.experiment)
    sample_stage(other, tick)
    pack_stage(other, tick)
    return set_of_run(other)
