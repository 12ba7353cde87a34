"""The figure of bench/realism.py. Of real data it shows curves only, no picture: their licences ask for that."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import matplotlib
import numpy as np

from gennari.phantom.layers import LAYERS
from texture import blob_areas, histogram, slope, spectrum

matplotlib.use("Agg")
from matplotlib import pyplot as plt


def draw_figure(
    path: Path, patch: np.ndarray, real: np.ndarray, profiles: Mapping[str, Any], coarse: tuple[np.ndarray, np.ndarray]
) -> None:
    """Six panels: a drawn patch, grey values, spectra, blobs, profiles by area, coarse against fine."""
    figure, axes = plt.subplots(2, 3, figsize=(12, 7.2), layout="constrained")
    (shown, grey, power), (blobs, areas, law) = axes
    shown.imshow(patch[:500, :500], cmap="gray", vmin=0, vmax=255)
    shown.set(title="phantom, hOc4la III, 0.5 mm at 1 µm", xticks=[], yticks=[])
    pair = ((real, "real", "k"), (patch, "phantom", "C3"))
    for image, name, colour in pair:
        grey.plot((np.arange(32) + 0.5) / 32, histogram(image), colour, label=name, drawstyle="steps-mid")
        waves, values = spectrum(image, 1.0)
        power.loglog(waves, values, colour, label=f"{name}, slope {slope(waves, values):.2f}")
        sizes = blob_areas(image, 1.0)
        blobs.hist(sizes, np.geomspace(12, 3000, 25), color=colour, histtype="step", label=f"{name}, n {len(sizes)}")
    grey.set(title="grey values", xlabel="1st to 99th percentile", ylabel="share of pixels")
    power.set(title="power spectrum", xlabel="wavelength, µm", ylabel="power, µm²")
    blobs.set(title="dark blobs", xlabel="area, µm²", ylabel="number", xscale="log")
    for axis in (grey, power, blobs):
        axis.legend(frameon=False)
    by_area = profiles["profile_correlation_by_area"]
    at = np.arange(len(by_area))
    for side, (name, colour) in enumerate((("left", "C0"), ("right", "C1"))):
        areas.barh(at + 0.4 * side - 0.2, [sides[side] for sides in by_area.values()], 0.4, color=colour, label=name)
    areas.set(title="deviation from the mean profile: correlation", yticks=at, yticklabels=list(by_area))
    areas.axvline(0.5, color="k", linewidth=0.5)
    areas.invert_yaxis()
    areas.legend(frameon=False)
    width = 0.4
    law.bar(np.arange(6) - width / 2, 100 * coarse[0], width, label="mean")
    law.bar(np.arange(6) + width / 2, 100 * coarse[1], width, label="variance")
    law.axhline(5, color="k", linewidth=0.5)
    law.set(title="32 µm against averaged 2 µm", xticks=range(6), xticklabels=LAYERS, ylabel="error, %")
    law.legend(frameon=False)
    figure.savefig(path, dpi=80)
    plt.close(figure)
