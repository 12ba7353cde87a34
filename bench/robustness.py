"""A trained model under other staining, blur, pixel sizes and planes of section; the last line is JSON.

python bench/robustness.py --figure FILE              # the model that ships, beside the atlas alone; ten minutes
python bench/robustness.py --run RUN --figure FILE    # a run's two networks, beside the atlas alone
python bench/robustness.py --quick                    # its figures only say that it runs

Sections of an individual of the phantom that no network has seen, its atlas among them. Stain and blur are done to the
image: optical density times a gain, a Gaussian. Spacing: pixels are so many times larger than the section says, so that
tissue looks smaller. Tilt: the plane is turned about the left-right axis and the section drawn anew; surfaces and atlas
follow, so that only the cut through cortex is another. Dice over areas, pixels of all sections together.
"""

import argparse
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from matplotlib.figure import Figure
from scipy.ndimage import gaussian_filter, map_coordinates

from gennari.apply.segment import segment
from gennari.apply.tissue import find_tissue
from gennari.data.pixels import Normalisation
from gennari.data.prior import Prior
from gennari.frames import Affine
from gennari.metrics.overlap import confusion, dice_per_class, macro_dice
from gennari.nets.area_unet import AreaUNet
from gennari.nets.sizes import TextureConfig, output_spacing_um
from gennari.nets.weights import load_area_unet
from gennari.phantom.atlas import displaced, population_atlas
from gennari.phantom.build import true_labels
from gennari.phantom.draw import as_it_lies, draw_section, reader_of
from gennari.phantom.geometry import fsaverage_geometry
from gennari.phantom.individual import Individual, make_individual
from gennari.phantom.layers import LABEL_SET
from gennari.phantom.plan import plan_sections
from gennari.phantom.settings import BrainPlan, PhantomSettings
from gennari.pipeline.atlas_alone import atlas_labels
from gennari.pipeline.labelled import Atlas, section_prior
from gennari.pipeline.learning import VARIANTS, normalisation, weights_path
from gennari.pipeline.models import shipped_model
from gennari.pipeline.stages import open_run
from gennari.recipes.phantoms import DEFAULT_PHANTOM, EASY_PHANTOM
from gennari.records import Section
from gennari.report.style import BLUE, MUTED, VERMILION, styled, to_png

SEED = 1848
ATLAS = "atlas"
LEVELS: Mapping[str, tuple[float, ...]] = {
    "stain": (0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0),
    "blur": (0.0, 16.0, 32.0, 64.0, 96.0),
    "spacing": (0.9, 0.95, 1.0, 1.05, 1.1),
    "tilt": (-30.0, -20.0, -10.0, 0.0, 10.0, 20.0, 30.0),
}
WORDS = {
    "stain": "gain of optical density", "blur": "SD of the blur, µm", "spacing": "true over stated pixel size",
    "tilt": "tilt of the plane, degrees",
}  # fmt: skip
NEUTRAL = {"stain": 1.0, "blur": 0.0, "spacing": 1.0, "tilt": 0.0}
COLOURS = {ATLAS: MUTED, "baseline": VERMILION, "pretrained": BLUE, "model": BLUE}


@dataclass(frozen=True, kw_only=True)
class Models:
    """The networks of one texture, and the grey values they expect."""

    nets: Mapping[str, AreaUNet]
    grey: Normalisation
    config: TextureConfig


@dataclass(frozen=True, kw_only=True)
class Scene:
    """One section as networks see it, and the truth on their output grid."""

    image: np.ndarray
    prior: Prior
    truth: np.ndarray
    by_atlas: np.ndarray


def models(run: Path | None) -> Models:
    """A run's two networks, or the model that ships."""
    if run is None:
        shipped = shipped_model()
        return Models(nets={"model": shipped.net()}, grey=shipped.normalisation, config=shipped.config.net.config)
    opened = open_run(run)
    config = opened.experiment.texture
    nets = {variant: load_area_unet(weights_path(opened, variant), config.encoder) for variant in VARIANTS}
    return Models(nets=nets, grey=normalisation(opened), config=config)


class Stage:
    """An individual and its atlas, from which scenes are drawn."""

    def __init__(self, settings: PhantomSettings, config: TextureConfig) -> None:
        self._settings, self._config = settings, config
        people, atlas, moved = np.random.SeedSequence(settings.seed).spawn(3)
        geometry = fsaverage_geometry(settings.subdivisions)
        (plan,) = settings.brains
        self._individual: Individual = make_individual(plan.name, geometry, settings, people)
        self.sections = plan_sections(self._individual, plan, settings)
        rng = np.random.default_rng(moved)
        left, right = (
            displaced(values, hemisphere, settings.atlas_shift_mm, rng)
            for values, hemisphere in zip(
                population_atlas(geometry, settings, atlas), geometry.hemispheres, strict=True
            )
        )
        self._atlas: Atlas = (left, right)

    def scene(self, section: Section) -> Scene:
        """A section drawn."""
        hemispheres, spacing_um = self._individual.hemispheres, output_spacing_um(self._config)
        return Scene(
            image=draw_section(reader_of(self._individual, section, self._settings)),
            prior=section_prior(hemispheres, self._atlas, section, self._config),
            truth=true_labels(as_it_lies(self._individual, section, self._settings), section, spacing_um),
            by_atlas=atlas_labels(section, hemispheres, self._atlas, LABEL_SET, spacing_um),
        )


def tilted(section: Section, degrees: float) -> Section:
    """The section in a plane that is turned about the left-right axis through its middle."""
    rows_um, cols_um = (size / 2 for size in section.size_um)
    (middle,) = section.brain_mm(np.array([[rows_um, cols_um]]))
    angle = np.deg2rad(degrees)
    turn = np.eye(4)
    turn[1:3, 1:3] = [[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]]
    turn[:3, 3] = middle - turn[:3, :3] @ middle
    old = section.to_brain
    return replace(section, to_brain=Affine(matrix=turn @ old.matrix, source=old.source, target=old.target))


def stained(scene: Scene, gain: float) -> Scene:
    """More or less stain: the optical density times a gain (Beer and Lambert); glass stays glass."""
    light = np.arange(256) / 255
    table = np.rint(255 * np.maximum(light, 1e-3) ** gain).astype(np.uint8)
    return replace(scene, image=table[scene.image])


def blurred(scene: Scene, sd_px: float) -> Scene:
    """Out of focus."""
    return replace(scene, image=np.rint(gaussian_filter(scene.image.astype(np.float32), sd_px)).astype(np.uint8))


def resized(scene: Scene, factor: float, config: TextureConfig) -> Scene:
    """Pixels `factor` times as large as stated: the same tissue on fewer of them; labels and atlas go with it."""
    shape = tuple(round(side / factor) for side in scene.image.shape)
    rows, cols = (factor * (np.arange(side) + 0.5) - 0.5 for side in shape)
    grid = np.meshgrid(rows, cols, indexing="ij")
    source = gaussian_filter(scene.image.astype(np.float32), max(0.0, 0.5 * (factor - 1)))
    image = map_coordinates(source, grid, order=1, mode="nearest")
    stride, stem = config.output_stride_px, config.stem_stride
    places = [
        np.minimum((factor * (np.arange(-(-side // stride)) + 0.5)).astype(int), size - 1)
        for side, size in zip(shape, scene.truth.shape, strict=True)
    ]
    fine = (-(-shape[0] // stem), -(-shape[1] // stem))
    return Scene(
        image=np.rint(image).astype(np.uint8),
        prior=replace(scene.prior, ratio=scene.prior.ratio * factor, fine_px=fine),
        truth=scene.truth[np.ix_(*places)],
        by_atlas=scene.by_atlas[np.ix_(*places)],
    )


def scenes_of(stage: Stage, kind: str, level: float, plain: Sequence[Scene], config: TextureConfig) -> list[Scene]:
    """The sections at one level of one disturbance."""
    if level == NEUTRAL[kind]:
        return list(plain)
    if kind == "tilt":
        return [stage.scene(tilted(section, level)) for section in stage.sections]
    change: Callable[[Scene], Scene] = {
        "stain": lambda scene: stained(scene, level),
        "blur": lambda scene: blurred(scene, level / config.spacing_um),
        "spacing": lambda scene: resized(scene, level, config),
    }[kind]
    return [change(scene) for scene in plain]


def dice(scenes: Sequence[Scene], given: Models) -> dict[str, float]:
    """Over areas, by method."""
    classes = len(LABEL_SET.names)
    counts = {name: np.zeros((classes, classes), int) for name in (*given.nets, ATLAS)}
    stride, spacing_um = given.config.output_stride_px, given.config.spacing_um
    for scene in scenes:
        counts[ATLAS] += confusion(scene.truth, scene.by_atlas, classes)
        read = lambda rows, cols, image=scene.image: image[rows, cols]  # noqa: E731
        near = find_tissue(read, scene.image.shape, stride, spacing_um).near
        for name, net in given.nets.items():
            said = segment(net, scene.image, scene.prior, given.grey, near=near)
            counts[name] += confusion(scene.truth, said.labels, classes)
    areas = range(LABEL_SET.first_area, classes)
    return {name: macro_dice(dice_per_class(matrix), areas) for name, matrix in counts.items()}


@styled
def _figure(curves: Mapping[str, Mapping[str, Sequence[float]]], levels: Mapping[str, Sequence[float]]) -> Figure:
    figure = Figure(figsize=(9.6, 2.9), layout="constrained")
    panels = figure.subplots(1, len(curves), sharey=True)
    for axes, (kind, by_method) in zip(panels, curves.items(), strict=True):
        for name, values in by_method.items():
            axes.plot(levels[kind], values, color=COLOURS[name], marker="o", markersize=3.5, label=name)
        axes.axvline(NEUTRAL[kind], color=MUTED, linewidth=0.7, linestyle=":")
        axes.set(title=kind, xlabel=WORDS[kind], ylim=(0, 1))
        axes.grid(axis="y")
    panels[0].set_ylabel("Dice over areas")
    panels[0].legend(loc="lower left")
    return figure


def main(run: Path | None, sections: int, figure: Path | None, quick: bool) -> dict[str, object]:
    given = models(run)
    plan = BrainPlan(name="R", role="labelled", sections=1 if quick else sections)
    update = {"brains": (plan,), "seed": SEED, "spacing_um": given.config.spacing_um, "subdivisions": int(not quick)}
    settings = (EASY_PHANTOM if run is None else DEFAULT_PHANTOM).model_copy(update=update)  # as the model was taught
    levels = {kind: values[:: len(values) - 1] if quick else values for kind, values in LEVELS.items()}
    stage = Stage(settings, given.config)
    plain = [stage.scene(section) for section in stage.sections]
    curves: dict[str, dict[str, list[float]]] = {}
    for kind, values in levels.items():
        found = [dice(scenes_of(stage, kind, level, plain, given.config), given) for level in values]
        curves[kind] = {name: [each[name] for each in found] for name in found[0]}
        for name, line in curves[kind].items():
            told = ", ".join(f"{level:g}: {value:.3f}" for level, value in zip(values, line, strict=True))
            print(f"{kind}, {name}: {told}", flush=True)
    if figure is not None:
        figure.write_bytes(to_png(_figure(curves, levels)))
    rounded = {kind: {name: [round(v, 4) for v in line] for name, line in c.items()} for kind, c in curves.items()}
    return {"levels": levels, "dice": rounded, "sections": len(plain), "plain": dice(plain, given)}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path)
    parser.add_argument("--sections", type=int, default=4)
    parser.add_argument("--figure", type=Path)
    parser.add_argument("--quick", action="store_true")
    arguments = parser.parse_args()
    told = main(arguments.run, arguments.sections, arguments.figure, arguments.quick)
    print(json.dumps({"quick": arguments.quick, **told}))
