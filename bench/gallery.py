"""Pictures of the phantom for docs/data.md, drawn by the code: areas, hOc2 in four conditions, a section.

python bench/gallery.py --out docs/images
"""

import argparse
import io
from collections.abc import Callable
from pathlib import Path

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure
from matplotlib.patches import Patch
from PIL import Image

from gennari.phantom.build import true_labels
from gennari.phantom.damage import damage
from gennari.phantom.draw import as_it_lies, draw_section, grid_of
from gennari.phantom.geometry import fsaverage_geometry
from gennari.phantom.individual import Individual, make_individual
from gennari.phantom.layers import AREAS, LABEL_SET
from gennari.phantom.plan import plan_sections
from gennari.phantom.settings import BrainPlan, PhantomSettings
from gennari.phantom.tiles import sheet_of
from gennari.recipes.phantoms import phantom_settings
from gennari.records import Section
from places import Cut, Place

matplotlib.use("Agg")
from matplotlib import pyplot as plt

PLAN = BrainPlan(name="G", role="labelled", sections=16)
TALL_PX, WIDE_PX, SPACING_UM = 1800, 1019, 2.0
OTHER = "PG"
"""Shown as other cortex."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=Path("docs/images"), help="folder for the pictures")
    parser.add_argument("--preset", default="default", help="settings of the phantom, by name")
    given = parser.parse_args()
    settings = phantom_settings(given.preset)
    given.out.mkdir(parents=True, exist_ok=True)
    individual, sections = _brain(settings, 0)
    cuts = _cuts(individual, sections, settings)
    _areas(given.out / "gallery-areas.png", cuts)
    other_individual, other_sections = _brain(settings, 1)
    _hoc2(given.out / "gallery-hoc2.png", cuts, _cuts(other_individual, other_sections, settings))
    _section(given.out / "gallery-section.png", individual, sections[len(sections) // 3], settings)


def _brain(settings: PhantomSettings, number: int) -> tuple[Individual, tuple[Section, ...]]:
    geometry = fsaverage_geometry(settings.subdivisions)
    individual = make_individual("G", geometry, settings, np.random.SeedSequence([settings.seed, number]))
    return individual, plan_sections(individual, PLAN, settings)


def _cuts(individual: Individual, sections: tuple[Section, ...], settings: PhantomSettings) -> list[Cut]:
    sheet = sheet_of(individual)
    return [Cut.of(individual, sheet, section, settings) for section in sections]


def _whole(place: Place) -> bool:
    """Nothing is torn, folded, lost or dusty here."""
    return damage(place.reader.condition, place.window((TALL_PX // 8, WIDE_PX // 8), 8 * SPACING_UM)) is None


def _typical(cuts: list[Cut], area: str) -> Place:
    """An undamaged place of an area, cut nearly at right angles, well inside the area."""
    found = [place for cut in cuts for place in cut.places(area, 0.5, (2.1, 2.9))[::7]]
    found.sort(key=lambda place: abs(place.thickness_mm - 2.5))
    clean = [place for place in found[:40] if _whole(place)]
    if not clean:
        raise SystemExit(f"no clean place of {area} in {len(cuts)} sections; give more sections")
    return clean[0]


def _areas(path: Path, cuts: list[Cut]) -> None:
    """One upright patch an area and one of other cortex."""
    figure, axes = plt.subplots(2, 7, figsize=(10.5, 6.0), layout="constrained")
    for axis, name in zip(axes.ravel(), (*AREAS, OTHER), strict=True):
        _show(axis, _typical(cuts, name), "other cortex" if name == OTHER else name, wide_px=WIDE_PX * 2 // 3)
    figure.suptitle("one upright patch an area, drawn at 2 µm, shown at 8 µm (1.4 x 3.6 mm)", fontsize=9)
    _save(figure, path)


def _hoc2(path: Path, cuts: list[Cut], others: list[Cut]) -> None:
    """hOc2: another individual, damage, a bend of the cortex, an oblique cut."""
    panels = {
        "another individual and stain": _typical(others, "hOc2"),
        "artefact": _most(cuts, (1.8, 3.6), _damaged_share),
        "curvature": _most(cuts, (1.6, 3.2), lambda place: _bend(place) if _whole(place) else -1.0),
        "oblique cut": _most(cuts, (4.0, 9.0), lambda place: _inside(place) if _whole(place) else -1.0),
    }
    figure, axes = plt.subplots(1, 4, figsize=(10.5, 4.9), layout="constrained")
    for axis, (title, place) in zip(axes, panels.items(), strict=True):
        _show(axis, place, title, wide_px=WIDE_PX)
    figure.suptitle("hOc2, drawn at 2 µm, shown at 8 µm (2 x 3.6 mm)", fontsize=9)
    _save(figure, path)


def _most(cuts: list[Cut], thickness_mm: tuple[float, float], score: Callable[[Place], float]) -> Place:
    found = [place for cut in cuts for place in cut.places("hOc2", 0.5, thickness_mm)[::11]]
    if not found:
        raise SystemExit(f"hOc2 is nowhere cut {thickness_mm} mm long in {len(cuts)} sections; give more sections")
    return max(found, key=score)


def _damaged_share(place: Place) -> float:
    """Share of the window that is torn or folded, best about a twentieth: more hides the tissue."""
    harmed = damage(place.reader.condition, place.window((TALL_PX // 8, WIDE_PX // 8), 8 * SPACING_UM))
    if harmed is None:
        return 0.0
    return -abs(float(harmed.holes.mean() + harmed.double.mean()) - 0.05) + 1.0


def _inside(place: Place) -> float:
    """Share of the window that is cortex: an oblique cut fills it."""
    tiles = place.reader.tiles(grid_of(place.window((56, 32), 64.0)), 64.0)
    return float((tiles.face >= 0).mean())


def _bend(place: Place) -> float:
    """How much the upright direction turns within 1 mm along the cortex; a crown or a fundus is high."""
    reader = place.reader
    window = place.window((16, 24), 64.0)
    depth = reader.tiles(grid_of(window), 64.0).depth
    down, right = np.gradient(depth)
    angle = np.arctan2(right, down)[np.isfinite(down) & np.isfinite(right)]
    return float(1 - np.abs(np.exp(1j * angle).mean())) if angle.size > 300 else 0.0


def _show(axis: Axes, place: Place, title: str, wide_px: int) -> None:
    image = place.reader.read(place.window((TALL_PX, wide_px // 4 * 4), SPACING_UM))
    small = image.reshape(image.shape[0] // 4, 4, image.shape[1] // 4, 4).mean(axis=(1, 3))
    axis.imshow(small, cmap="gray", vmin=0, vmax=255, interpolation="none")
    axis.set_title(title, fontsize=9)
    axis.set_axis_off()


def _section(path: Path, individual: Individual, section: Section, settings: PhantomSettings) -> None:
    """A section at 32 µm with its true labels beside it."""
    reader = Cut.of(individual, sheet_of(individual), section, settings).reader
    image = draw_section(reader)
    labels = true_labels(as_it_lies(individual, section, settings), section, 64.0)
    rows, cols = (np.flatnonzero((labels > 0).any(axis=axis)) for axis in (1, 0))
    shown = (slice(max(rows[0] - 30, 0), rows[-1] + 30), slice(max(cols[0] - 30, 0), cols[-1] + 30))
    figure, (left, right) = plt.subplots(1, 2, figsize=(11.5, 4.0), layout="constrained")
    left.imshow(image[::2, ::2][shown], cmap="gray", vmin=0, vmax=255)
    left.set_title(f"section {section.id} at 32 µm, rated {section.quality}", fontsize=9)
    right.imshow(labels[shown], cmap=ListedColormap(LABEL_SET.colours), vmin=-0.5, vmax=len(LABEL_SET.names) - 0.5)
    right.set_title("its true labels", fontsize=9)
    present = [k for k in np.unique(labels) if k > 0]
    handles = [Patch(color=LABEL_SET.colours[k], label=LABEL_SET.names[k]) for k in present]
    right.legend(handles=handles, fontsize=6, frameon=False, loc="center left", bbox_to_anchor=(1.0, 0.5))
    for axis in (left, right):
        axis.set_axis_off()
    _save(figure, path, grey=False)


def _save(figure: Figure, path: Path, grey: bool = True) -> None:
    buffer = io.BytesIO()
    figure.savefig(buffer, dpi=100)
    picture = Image.open(buffer).convert("RGB")
    if grey:
        # greys need no more than 64 levels, at a third of the size; labels keep their colours
        picture = picture.quantize(64)
    picture.save(path, optimize=True)
    plt.close(figure)


if __name__ == "__main__":
    main()
