"""Figures on sections: the patches the networks see, and area maps over the grey image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from gennari.records import BACKGROUND_GREY, IGNORE, AreaMap, LabelSet
from gennari.report.style import MUTED, averaged, bare, rgb, scale_bar, styled

_SHOWN_PX = 800
"""Width to which a section is averaged: twice what a column of the figure shows at 150 dpi."""


@dataclass(frozen=True, kw_only=True)
class SectionPanel:
    """One section with its maps, a row of the overlay figure.

    Attributes:
        title: such as 'brain B, section 1345'; keep its lines short, since it stands at the left.
        image: grey values of the whole section.
        spacing_um: of the image.
        maps: by name, drawn from left to right; each on its own grid, sharing the section's corner.
        annotation: what the expert drew, shown as an inset.
        notes: by map name, a few words above it (such as 'Dice 0.81').
    """

    title: str
    image: UInt8[np.ndarray, "h w"]
    spacing_um: float
    maps: Mapping[str, AreaMap]
    annotation: AreaMap | None = None
    notes: Mapping[str, str] | None = None


@styled
def section_overlays(panels: Sequence[SectionPanel], label_set: LabelSet, opacity: float = 0.72) -> Figure:
    """Area maps over sections, side by side, the annotation as inset (Spitzer et al. 2018, Fig. 4 left).

    Only areas are coloured; background, white matter and other cortex are left as the image shows them.

    Raises:
        ValueError: there is no panel, or the panels' maps do not bear the same names.
    """
    names = tuple(panels[0].maps) if panels else ()
    if not names or any(tuple(panel.maps) != names for panel in panels):
        raise ValueError(f"all panels need the same maps, got {[tuple(panel.maps) for panel in panels]}")
    canvases = [_Canvas.of(panel) for panel in panels]
    width, words, legend = 11.0, 0.26, 0.36  # inches
    side = 0.13  # share of the width for the title and the annotation
    column = (1 - side) / len(names)
    heights = [width * column * one.image.shape[0] / one.image.shape[1] + words for one in canvases]
    figure = Figure(figsize=(width, sum(heights) + legend))
    total = figure.get_figheight()
    top = total
    for panel, canvas, height in zip(panels, canvases, heights, strict=True):
        bottom, share = (top - height) / total, (height - words) / total
        figure.text(0.006, bottom + share, panel.title, fontsize=8.5, color=MUTED, va="top")
        if panel.annotation is not None:
            inset = figure.add_axes((0.006, bottom + 0.03 * share, side - 0.016, 0.45 * share))
            _inset(inset, canvas, panel.annotation, label_set)
        for k, name in enumerate(names):
            axes = figure.add_axes((side + k * column + 0.004, bottom + 0.02 * share, column - 0.012, 0.98 * share))
            _overlay(axes, canvas, panel.maps[name], label_set, opacity)
            axes.set_title(name, fontsize=9.5, pad=3)
            note = (panel.notes or {}).get(name, "")
            axes.set_title(note, fontsize=8.5, pad=3, loc="right", fontweight="normal", color=MUTED)
            if k == 0:
                scale_bar(axes, canvas.width_mm)
        top -= height
    _legend(figure, label_set, _present(panels, label_set))
    return figure


@styled
def patches_gallery(
    patches: UInt8[np.ndarray, "n h w"], names: Sequence[str], spacing_um: float, colours: Sequence[str] | None = None
) -> Figure:
    """One upright patch an area, pia above (Spitzer et al. 2018, Fig. 1b).

    Args:
        patches: grey values, in the order of the names.
        names: such as the area a patch was taken from.
        spacing_um: of the patches.
        colours: of the line under each patch.

    Raises:
        ValueError: there is not one name for each patch.
    """
    if len(patches) != len(names) or not len(patches):
        raise ValueError(f"a gallery needs one name a patch, got {len(patches)} patches and {len(names)} names")
    columns = min(len(patches), 7)
    rows = -(-len(patches) // columns)
    figure = Figure(figsize=(11, 11 / columns * rows * 1.17))
    axes = np.atleast_2d(figure.subplots(rows, columns, squeeze=False))
    figure.subplots_adjust(left=0.005, right=0.995, top=1 - 0.13 / rows, bottom=0.005, wspace=0.06, hspace=0.2)
    for index, panel in enumerate(axes.ravel()):
        bare(panel)
        if index >= len(patches):
            continue
        panel.imshow(patches[index], cmap="gray", vmin=0, vmax=255, interpolation="nearest")
        panel.set_title(names[index], fontsize=9, pad=5)
        if colours is not None:
            panel.plot(
                (0, 1),
                (1.01, 1.01),
                color=colours[index],
                linewidth=3,
                solid_capstyle="butt",
                transform=panel.transAxes,
                clip_on=False,
            )
    scale_bar(axes[0, 0], patches.shape[2] * spacing_um * 1e-3, share=0.5, y=0.05)
    return figure


@dataclass(frozen=True, kw_only=True)
class _Canvas:
    """A section's image, cropped to its tissue and averaged to what a figure can show."""

    image: Float[np.ndarray, "h w"]
    spacing_um: float
    corner_um: tuple[float, float]

    @classmethod
    def of(cls, panel: SectionPanel) -> "_Canvas":
        coarse = averaged(panel.image, max(1, round(max(panel.image.shape) / 250)))
        step_um = panel.spacing_um * panel.image.shape[1] / coarse.shape[1]
        tissue = coarse < BACKGROUND_GREY - 12
        rows, cols = (_extent(np.asarray(tissue.any(axis=axis)), 2000 / step_um) for axis in (1, 0))
        scale = step_um / panel.spacing_um
        top, bottom, left, right = (round(edge * scale) for edge in (*rows, *cols))
        image = panel.image[top:bottom, left:right]
        factor = max(1, image.shape[1] // _SHOWN_PX)
        return cls(
            image=averaged(image, factor),
            spacing_um=panel.spacing_um * factor,
            corner_um=(top * panel.spacing_um, left * panel.spacing_um),
        )

    @property
    def width_mm(self) -> float:
        return self.image.shape[1] * self.spacing_um * 1e-3

    def labels(self, area_map: AreaMap) -> UInt8[np.ndarray, "h w"]:
        """The map at our pixels' centres; 0 where it says nothing."""
        rows, cols = (
            np.minimum((corner + (np.arange(size) + 0.5) * self.spacing_um) / area_map.spacing_um, limit - 1).astype(
                int
            )
            for corner, size, limit in zip(self.corner_um, self.image.shape, area_map.labels.shape, strict=True)
        )
        labels = area_map.labels[np.ix_(rows, cols)]
        return np.where(labels == IGNORE, 0, labels).astype(np.uint8)


def _extent(line: np.ndarray, margin: float) -> tuple[float, float]:
    """From where to where something is, with a margin; everything if nothing is."""
    there = np.flatnonzero(line)
    if not there.size:
        return 0.0, float(len(line))
    return max(0.0, float(there[0] - margin)), min(float(len(line)), float(there[-1] + 1 + margin))


def _overlay(axes: Axes, canvas: _Canvas, area_map: AreaMap, label_set: LabelSet, opacity: float) -> None:
    bare(axes)
    axes.imshow(_blended(canvas.image, canvas.labels(area_map), label_set, opacity), interpolation="antialiased")


def _blended(
    image: Float[np.ndarray, "h w"], labels: UInt8[np.ndarray, "h w"], label_set: LabelSet, opacity: float
) -> Float[np.ndarray, "h w 3"]:
    grey = np.repeat(0.25 + 0.75 * image[..., None] / 255.0, 3, axis=2)  # lifted, so that colours read over dark tissue
    areas: Bool[np.ndarray, "h w"] = labels >= label_set.first_area
    colours = np.array([rgb(colour) for colour in label_set.colours])
    # multiplied by the grey value, so that layers stay visible under the colour
    grey[areas] = (1 - opacity) * grey[areas] + opacity * colours[labels[areas]] * (0.45 + 0.6 * grey[areas])
    return np.clip(grey, 0, 1)


def _inset(axes: Axes, canvas: _Canvas, annotation: AreaMap, label_set: LabelSet) -> None:
    _overlay(axes, canvas, annotation, label_set, 0.9)
    axes.set_anchor("SW")
    for spine in axes.spines.values():
        spine.set_visible(True)
        spine.set_color(MUTED)
    axes.set_title("annotation", fontsize=8, pad=3, fontweight="normal", color=MUTED)


def _present(panels: Sequence[SectionPanel], label_set: LabelSet) -> list[int]:
    seen: set[int] = set()
    for panel in panels:
        for area_map in panel.maps.values():
            seen.update(int(label) for label in np.unique(area_map.labels))
    return [index for index in range(label_set.first_area, len(label_set.names)) if index in seen]


def _legend(figure: Figure, label_set: LabelSet, classes: Sequence[int]) -> None:
    handles = [Patch(color=label_set.colours[index], label=label_set.names[index]) for index in classes]
    if handles:
        figure.legend(
            handles=handles,
            loc="lower center",
            ncols=min(len(handles), 13),
            handlelength=1.1,
            columnspacing=1.3,
            borderaxespad=0.2,
        )
