"""Figures on sections: the patches the networks see, and area maps over the grey image."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from gennari.records import BACKGROUND_GREY, IGNORE, AreaMap, LabelSet
from gennari.report.style import INK, MUTED, bare, rgb, scale_bar, styled

_SHOWN_PX = 800
"""Width to which a section is averaged: twice what a column of the figure shows at 150 dpi."""


@dataclass(frozen=True, kw_only=True)
class SectionPanel:
    """One section with its maps, a row of the overlay figure.

    Attributes:
        title: such as 'brain B, section 1345 (held out)'.
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
    width, words, legend = 11.0, 0.46, 0.36  # inches
    heights = [width / len(names) * one.image.shape[0] / one.image.shape[1] + words for one in canvases]
    figure = Figure(figsize=(width, sum(heights) + legend))
    total = figure.get_figheight()
    top = total
    for panel, canvas, height in zip(panels, canvases, heights, strict=True):
        figure.text(0.004, (top - 0.13) / total, panel.title, fontsize=9, color=MUTED, va="center")
        for column, name in enumerate(names):
            box = (
                column / len(names) + 0.004,
                (top - height) / total,
                1 / len(names) - 0.008,
                (height - words) / total,
            )
            axes = figure.add_axes(box)
            _overlay(axes, canvas, panel.maps[name], label_set, opacity)
            axes.set_title(name, fontsize=9.5, pad=3)
            note = (panel.notes or {}).get(name, "")
            axes.set_title(note, fontsize=8.5, pad=3, loc="right", fontweight="normal", color=MUTED)
            if column == 0:
                scale_bar(axes, canvas.width_mm)
                if panel.annotation is not None:
                    _inset(axes, canvas, panel.annotation, label_set)
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
    _patch_bar(axes[0, 0], patches.shape[2] * spacing_um * 1e-3)
    return figure


@dataclass(frozen=True, kw_only=True)
class _Canvas:
    """A section's image, cropped to its tissue and averaged to what a figure can show."""

    image: Float[np.ndarray, "h w"]
    spacing_um: float
    corner_um: tuple[float, float]

    @classmethod
    def of(cls, panel: SectionPanel) -> "_Canvas":
        coarse = _averaged(panel.image, max(1, round(max(panel.image.shape) / 250)))
        step_um = panel.spacing_um * panel.image.shape[1] / coarse.shape[1]
        rows, cols = (_extent(line, 2000 / step_um) for line in _profiles(coarse < BACKGROUND_GREY - 12))
        scale = step_um / panel.spacing_um
        top, bottom, left, right = (round(edge * scale) for edge in (*rows, *cols))
        image = panel.image[top:bottom, left:right]
        factor = max(1, image.shape[1] // _SHOWN_PX)
        return cls(
            image=_averaged(image, factor),
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

    def emptiest_corner(self, size: float) -> tuple[float, float]:
        """(x, y) in axes coordinates of the corner with least tissue; the lower left one holds the scale bar."""
        height, width = (round(size * extent) for extent in self.image.shape)
        tissue = self.image < BACKGROUND_GREY - 12
        ends = {
            (1 - size, 1 - size): tissue[:height, -width:],
            (0.0, 1 - size): tissue[:height, :width],
            (1 - size, 0.0): tissue[-height:, -width:],
        }
        return min(ends, key=lambda place: ends[place].mean())


def _averaged(image: UInt8[np.ndarray, "H W"], factor: int) -> Float[np.ndarray, "h w"]:
    """Means of blocks of factor x factor px; rows and columns beyond the last whole block are left out."""
    height, width = (size // factor for size in image.shape)
    whole = image[: height * factor, : width * factor]
    return whole.reshape(height, factor, width, factor).mean(axis=(1, 3))


def _profiles(tissue: Bool[np.ndarray, "h w"]) -> tuple[Bool[np.ndarray, "h"], Bool[np.ndarray, "w"]]:
    return tissue.any(axis=1), tissue.any(axis=0)


def _extent(line: Bool[np.ndarray, "n"], margin: float) -> tuple[float, float]:
    """From where to where something is, with a margin; everything if nothing is."""
    there = np.flatnonzero(line)
    if not there.size:
        return 0, len(line)
    return max(0, there[0] - margin), min(len(line), there[-1] + 1 + margin)


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
    size = 0.27
    inset = axes.inset_axes((*canvas.emptiest_corner(size), size, size))
    _overlay(inset, canvas, annotation, label_set, 0.9)
    for spine in inset.spines.values():
        spine.set_visible(True)
        spine.set_color(MUTED)
    inset.text(0.5, 0.97, "annotation", transform=inset.transAxes, ha="center", va="top", fontsize=7, color=MUTED)


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


def _patch_bar(axes: Axes, width_mm: float) -> None:
    """A scale bar on white, since a patch may be dark where it stands."""
    scale_bar(axes, width_mm, INK, share=0.5, y=0.05)
    for text in axes.texts:
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5})
