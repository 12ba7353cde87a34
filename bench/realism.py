"""The phantom beside real data, in one run: lines to read, then one line of JSON, and a figure.

python bench/realism.py --real-data ../shared/data --figure docs/images/realism.png --json docs/realism.json

(a) and (b) compare depth profiles on BigBrain's surfaces (bench/profile_realism.py), (c) a drawn patch of 1 µm with a
real one (bench/texture.py). The drawn patch is layer III of hOc4la, OA and PH in equal parts: the real one's area is
not stated; it shows pyramids without a granular layer.
"""

import argparse
import json
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL import Image

from gennari.metrics.overlap import dice_per_class, macro_dice
from gennari.phantom.build import true_labels
from gennari.phantom.draw import PhantomSectionReader, as_it_lies, draw_section, grid_of
from gennari.phantom.geometry import folder_geometry
from gennari.phantom.individual import Individual, make_individual
from gennari.phantom.layers import AREAS, LABEL_SET, LAYERS
from gennari.phantom.observers import agreement, two_drawings
from gennari.phantom.plan import plan_sections
from gennari.phantom.settings import NO_NUISANCE, BrainPlan, PhantomSettings
from gennari.phantom.tiles import Sheet, sheet_of
from gennari.recipes.phantoms import phantom_settings
from gennari.records import Section, Window
from places import Cut, Place
from profile_realism import compare, strip_counts
from realism_figure import draw_figure
from texture import blob_areas, histogram, slope, spectrum

AREA, DEPTH = "hOc4la", 0.3
"""The drawn patch: layer III lies from 0.19 to 0.53 of this area's depth."""
PLACES, SIZE_PX = 5, 1000
COARSE_UM, FINE_UM, WINDOWS = 32.0, 2.0, 64


@dataclass(frozen=True, kw_only=True)
class Brain:
    """A phantom on real surfaces and its sections."""

    individual: Individual
    sheet: Sheet
    sections: tuple[Section, ...]
    settings: PhantomSettings

    def reader(self, section: Section, settings: PhantomSettings | None = None) -> PhantomSectionReader:
        """Of a section; with other settings for what happens to it."""
        return PhantomSectionReader(
            individual=self.individual, sheet=self.sheet, section=section, settings=settings or self.settings
        )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--real-data", type=Path, default=Path("../shared/data"), help="holds bigbrain/ and images/")
    parser.add_argument("--preset", default="default", help="settings of the phantom, by name")
    parser.add_argument("--seeds", type=int, default=2, help="individuals whose profiles are compared")
    parser.add_argument("--figure", type=Path, help="PNG to write")
    parser.add_argument("--json", type=Path, help="file to write the last line to")
    given = parser.parse_args()
    folder = given.real_data / "bigbrain"
    settings, geometry = phantom_settings(given.preset), folder_geometry(folder)
    profiles = compare(geometry, folder, settings, given.seeds)
    for name, value in profiles.items():
        _say(name, value)
    plan = BrainPlan(name="R", role="labelled", sections=8)
    individual = make_individual("R", geometry, settings, np.random.SeedSequence([settings.seed, 0]))
    brain = Brain(
        individual=individual,
        sheet=sheet_of(individual),
        sections=plan_sections(individual, plan, settings),
        settings=settings,
    )
    real = np.asarray(Image.open(given.real_data / "images" / "cell-body-stained-cortex.tif").convert("L"), float)
    patches = drawn_patches(brain)
    looks = compare_looks(patches, real)
    strip = strip_counts()
    for name, value in strip.items():
        _say(f"cells in the strip, {name}", value)
    coarse = coarse_errors(brain)
    figures = {
        "geometry": geometry.name,
        **{
            name: profiles[name]
            for name in ("profile_correlation_median", "profile_deviation_rms_ratio", "variance_ratio")
        },
        **looks,
        "cells_per_layer_ratio": next(iter(strip.values()))["ratios"],  # pyright: ignore[reportIndexIssue]
        **seconds(brain),
        "coarse_mean_error": float(coarse[0].max()),
        "coarse_variance_error": float(coarse[1].max()),
        "annotator_dice": annotator_dice(brain),
    }
    line = json.dumps({name: _rounded(value) for name, value in figures.items()})
    if given.figure:
        draw_figure(given.figure, patches[0], real, profiles, coarse)
    if given.json:
        given.json.write_text(line + "\n", encoding="utf-8")
    print(line)


def drawn_patches(brain: Brain) -> list[np.ndarray]:
    """PLACES patches of AREA from different sections, 1 µm, upright, with all nuisance."""
    by_section: list[list[Place]] = [
        Cut.of(brain.individual, brain.sheet, section, brain.settings).places(AREA, DEPTH) for section in brain.sections
    ]
    held = [places for places in by_section if places]
    if not held:
        raise SystemExit(f"no section of the brain meets {AREA}; try another preset")
    # one of each section in turn, from the middle of its places on
    turns = [(held[k % len(held)], (0.5 + k / PLACES) % 1) for k in range(PLACES)]
    chosen = [places[int(share * len(places))] for places, share in turns]
    return [place.reader.read(place.window((SIZE_PX, SIZE_PX), 1.0)) for place in chosen]


def compare_looks(patches: list[np.ndarray], real: np.ndarray) -> dict[str, float]:
    """Figures (c): median over the patches.

    histogram_distance is half the L1 distance of 32-bin histograms, 1st and 99th percentile matched (0 same, 1 apart);
    the others are ratios, phantom over real.
    """
    true_slope, true_area = slope(*spectrum(real, 1.0)), np.median(blob_areas(real, 1.0))
    rows = []
    for patch in patches:
        areas = blob_areas(patch, 1.0)
        distance = 0.5 * np.abs(histogram(patch) - histogram(real)).sum()
        rows.append((distance, slope(*spectrum(patch, 1.0)) / true_slope, np.median(areas) / true_area))
        print(
            f"   patch: mean {patch.mean():.0f} (real {real.mean():.0f}), SD {patch.std():.0f} ({real.std():.0f}), "
            f"histogram {rows[-1][0]:.2f}, slope x {rows[-1][1]:.2f}, blobs {len(areas)} "
            f"({len(blob_areas(real, 1.0))}) of median {np.median(areas):.0f} µm² ({true_area:.0f})"
        )
    names = ("histogram_distance", "spectrum_slope_ratio", "blob_size_ratio")
    return dict(zip(names, (float(v) for v in np.median(rows, axis=0)), strict=True))


def coarse_errors(brain: Brain) -> tuple[np.ndarray, np.ndarray]:
    """Relative error by layer of the mean and the variance of 32 µm pixels, against the averages of 2 µm pixels.

    Both without nuisance: what is compared is the law of cells, neuropil and vessels.
    """
    clean = brain.settings.model_copy(update={"nuisance": NO_NUISANCE})
    rng, both = np.random.default_rng(0), [[[], []] for _ in LAYERS]
    step = round(COARSE_UM / FINE_UM)
    for number in range(WINDOWS):
        section = brain.sections[number % len(brain.sections)]
        reader = brain.reader(section, clean)
        tissue = np.argwhere(draw_section(brain.reader(section, clean))[::8, ::8] < 250)
        row, col = tissue[rng.integers(len(tissue))] * 8 // 32 * 32
        size = 60
        centre_um = ((row + size / 2) * COARSE_UM, (col + size / 2) * COARSE_UM)
        wide = Window(
            brain=section.brain, section=section.id, centre_um=centre_um, size_px=(size, size), spacing_um=COARSE_UM
        )
        coarse = reader.read(wide)
        fine = reader.read(replace(wide, size_px=(size * step, size * step), spacing_um=FINE_UM))
        averaged = fine.reshape(size, step, size, step).mean(axis=(1, 3))
        layer = _layers(reader, wide)
        for k in range(6):
            both[k][0].append(coarse[layer == k])
            both[k][1].append(averaged[layer == k])
    values = [[np.concatenate(side) for side in pair] for pair in both]
    mean = np.array([abs(coarse.mean() / fine.mean() - 1) for coarse, fine in values])
    variance = np.array([abs(coarse.var() / fine.var() - 1) for coarse, fine in values])
    _say("coarse mean error by layer", mean.round(4).tolist())
    _say("coarse variance error by layer", variance.round(3).tolist())
    _say("coarse variance over fine", [round(float(c.var() / f.var()), 3) for c, f in values])
    return mean, variance


def _layers(reader: PhantomSectionReader, window: Window) -> np.ndarray:
    """Layer of each pixel, -1 at the tissue's edge and outside cortex."""
    tiles = reader.tiles(grid_of(window), window.spacing_um)
    rows, cols = (
        round(window.centre_um[k] / window.spacing_um - 0.5 * window.size_px[k]) - first
        for k, first in enumerate((tiles.first_row, tiles.first_col))
    )
    inner = (slice(rows, rows + window.size_px[0]), slice(cols, cols + window.size_px[1]))
    sheet = reader.sheet
    bounds = np.einsum("hwk,hwkb->hwb", tiles.weights[inner], sheet.boundaries[sheet.faces[tiles.face[inner]]])
    depth = tiles.depth[inner]
    known = np.isfinite(depth) & (depth > 0.03)
    return np.where(known, (np.nan_to_num(depth)[..., None] >= bounds).sum(axis=-1), -1)


def annotator_dice(brain: Brain) -> float:
    """Macro Dice over areas of two observers' drawings, pooled over the sections."""
    pooled = np.zeros((len(LABEL_SET.names),) * 2, np.int64)
    for section in brain.sections:
        labels = true_labels(as_it_lies(brain.individual, section, brain.settings), section, 64.0)
        seed = brain.individual.texture_seed
        drawings = two_drawings(labels, 64.0, LABEL_SET, brain.settings.annotators, seed, section.id)
        pooled += np.array(agreement(labels, 64.0, drawings, LABEL_SET).mutual)
    return float(macro_dice(dice_per_class(pooled), range(LABEL_SET.first_area, len(LABEL_SET.names))))


def seconds(brain: Brain) -> dict[str, float]:
    """Median seconds of a patch of 1019 x 1019 at 2 µm and of a section at 32 µm; a first call is not counted."""
    section = brain.sections[len(brain.sections) // 2]
    cut = Cut.of(brain.individual, brain.sheet, section, brain.settings)
    place = max((cut.places(name, 0.5) for name in AREAS), key=len)[0]
    patch = _median_seconds(lambda: place.reader.read(place.window((1019, 1019), 2.0)))
    readers = iter([brain.reader(section) for _ in range(4)])
    whole = _median_seconds(lambda: draw_section(next(readers)), repeats=3)
    return {"patch_1019_2um_seconds": patch, "section_32um_seconds": whole}


def _median_seconds(work: Callable[[], object], repeats: int = 5) -> float:
    work()
    taken = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        taken.append(time.perf_counter() - began)
    return float(np.median(taken))


def _rounded(value: object) -> object:
    return round(value, 4) if isinstance(value, float) else value


def _say(name: str, value: object) -> None:
    print(f"{name}: {value}", flush=True)


if __name__ == "__main__":
    main()
