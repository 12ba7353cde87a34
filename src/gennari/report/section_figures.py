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
    crops = [_Crop.around(panel) for panel in panels]
    width, legend = 11.0, 0.75
    heights = [width / len(names) * crop.shape[0] / crop.shape[1] + 0.42 for crop in crops]
    figure = Figure(figsize=(width, sum(heights) + legend))
    top = 1.0
    for row, (panel, crop) in enumerate(zip(panels, crops, strict=True)):
        share = heights[row] / figure.get_figheight()
        label = 0.42 / figure.get_figheight()
        figure.text(0.008, top - 0.36 * label, panel.title, fontsize=9, color=MUTED, va="center")
        for column, name in enumerate(names):
            box = (column / len(names) + 0.004, top - share, 1 / len(names) - 0.008, share - label)
            axes = figure.add_axes(box)
            _overlay(axes, panel, crop, panel.maps[name], label_set, opacity)
            note = (panel.notes or {}).get(name, "")
            axes.set_title(name, fontsize=9.5, pad=3)
            axes.set_title(note, fontsize=8.5, pad=3, loc="right", fontweight="normal", color=MUTED)
            if column == 0 and panel.annotation is not None:
                _inset(axes, panel, crop, panel.annotation, label_set)
            if column == 0:
                scale_bar(axes, crop.shape[1] * panel.spacing_um * 1e-3)
        top -= share
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
                (0, 1), (1.01, 1.01), color=colours[index], linewidth=3.5, transform=panel.transAxes, clip_on=False
            )
    _patch_bar(axes[0, 0], patches.shape[2] * spacing_um * 1e-3)
    return figure


@dataclass(frozen=True, kw_only=True)
class _Crop:
    """The part of a section image that holds tissue."""

    rows: slice
    cols: slice

    @classmethod
    def around(cls, panel: SectionPanel) -> "_Crop":
        tissue = panel.image < BACKGROUND_GREY - 12
        for area_map in panel.maps.values():
            tissue |= _resampled(area_map, panel) >= 1
        rows, cols = np.flatnonzero(tissue.any(axis=1)), np.flatnonzero(tissue.any(axis=0))
        if not rows.size:
            return cls(rows=slice(0, tissue.shape[0]), cols=slice(0, tissue.shape[1]))
        margin = round(1500 / panel.spacing_um)
        return cls(
            rows=slice(max(0, rows[0] - margin), min(tissue.shape[0], rows[-1] + margin + 1)),
            cols=slice(max(0, cols[0] - margin), min(tissue.shape[1], cols[-1] + margin + 1)),
        )

    @property
    def shape(self) -> tuple[int, int]:
        return self.rows.stop - self.rows.start, self.cols.stop - self.cols.start


def _resampled(area_map: AreaMap, panel: SectionPanel) -> UInt8[np.ndarray, "h w"]:
    """The map on the image's grid (nearest pixel centre); 0 where the map has said nothing."""
    rows, cols = (
        np.minimum((np.arange(size) + 0.5) * panel.spacing_um / area_map.spacing_um, limit - 1).astype(int)
        for size, limit in zip(panel.image.shape, area_map.labels.shape, strict=True)
    )
    labels = area_map.labels[np.ix_(rows, cols)]
    return np.where(labels == IGNORE, 0, labels).astype(np.uint8)


def _overlay(
    axes: Axes, panel: SectionPanel, crop: _Crop, area_map: AreaMap, label_set: LabelSet, opacity: float
) -> None:
    bare(axes)
    labels = _resampled(area_map, panel)[crop.rows, crop.cols]
    axes.imshow(_blended(panel.image[crop.rows, crop.cols], labels, label_set, opacity), interpolation="antialiased")


def _blended(
    image: UInt8[np.ndarray, "h w"], labels: UInt8[np.ndarray, "h w"], label_set: LabelSet, opacity: float
) -> Float[np.ndarray, "h w 3"]:
    grey = np.repeat(0.25 + 0.75 * image[..., None] / 255.0, 3, axis=2)  # lifted, so that colours read over dark tissue
    areas: Bool[np.ndarray, "h w"] = labels >= label_set.first_area
    colours = np.array([rgb(colour) for colour in label_set.colours])
    # multiplied by the grey value, so that layers stay visible under the colour
    grey[areas] = (1 - opacity) * grey[areas] + opacity * colours[labels[areas]] * (0.45 + 0.6 * grey[areas])
    return np.clip(grey, 0, 1)


def _inset(axes: Axes, panel: SectionPanel, crop: _Crop, annotation: AreaMap, label_set: LabelSet) -> None:
    inset = axes.inset_axes((0.70, 0.0, 0.30, 0.30))
    _overlay(inset, panel, crop, annotation, label_set, 0.85)
    inset.patch.set_alpha(0.9)
    for spine in inset.spines.values():
        spine.set_visible(True)
        spine.set_color(MUTED)
    inset.set_title("annotation", fontsize=7.5, pad=2, loc="center", fontweight="normal", color=MUTED)


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
            handles=handles, loc="lower center", ncols=min(len(handles), 13), handlelength=1.1, columnspacing=1.3
        )


def _patch_bar(axes: Axes, width_mm: float) -> None:
    """A scale bar on white, since a patch may be dark where it stands."""
    scale_bar(axes, width_mm, INK, share=0.5, y=0.05)
    for text in axes.texts:
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1.5})
