"""How our figures look: one type size scale, one palette, one scale bar."""

import io
from collections.abc import Callable
from functools import wraps
from typing import Any, ParamSpec

import numpy as np
from jaxtyping import Float, UInt8
from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patheffects import withStroke

Given = ParamSpec("Given")

INK = "#1f2530"
MUTED = "#6b7280"
FAINT = "#e5e7eb"
# Okabe and Ito's colours, told apart by colour-blind readers.
BLUE, ORANGE, GREEN, PURPLE = "#0072b2", "#e69f00", "#009e73", "#a85c8f"
SKY, VERMILION, GREY = "#56b4e9", "#d55e00", "#8b929c"

_STYLE: Any = {  # matplotlib's own type for keys is a private list of literals
    "font.family": "DejaVu Sans",  # comes with matplotlib, so that figures are the same everywhere
    "font.size": 9,
    "text.color": INK,
    "axes.titlesize": 10,
    "axes.titleweight": "bold",
    "axes.titlelocation": "left",
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": MUTED,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "grid.color": FAINT,
    "grid.linewidth": 0.7,
    "xtick.color": MUTED,
    "ytick.color": MUTED,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "xtick.labelsize": 8,
    "ytick.labelsize": 8,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "legend.frameon": False,
    "legend.fontsize": 8.5,
    "lines.linewidth": 1.6,
    "lines.solid_capstyle": "round",
    "figure.facecolor": "white",
}


def styled(draw: Callable[Given, Figure]) -> Callable[Given, Figure]:
    """Run a drawing function under our style; matplotlib's own settings are as before when it ends."""

    @wraps(draw)
    def drawn(*args: Given.args, **kwargs: Given.kwargs) -> Figure:
        with rc_context(_STYLE):
            return draw(*args, **kwargs)

    return drawn


def to_png(figure: Figure, dpi: int = 150) -> bytes:
    """The figure as a PNG; the same figure gives the same bytes."""
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=dpi, metadata={"Software": None})
    return buffer.getvalue()


def rgb(colour: str) -> Float[np.ndarray, "3"]:
    """A colour name or '#rrggbb' as numbers 0..1."""
    return np.array(to_rgb(colour))


def bare(axes: Axes) -> None:
    """No ticks and no frame: for pictures."""
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_visible(False)


def nice_length(limit: float) -> float:
    """The largest 1, 2 or 5 times a power of ten that is not above `limit`."""
    if not limit > 0:
        raise ValueError(f"a scale bar needs a positive length, got {limit}")
    power = 10.0 ** np.floor(np.log10(limit))
    return float(max(step * power for step in (1, 2, 5) if step * power <= limit * (1 + 1e-9)))


def scale_bar(axes: Axes, width_mm: float, colour: str = INK, share: float = 0.25, y: float = 0.03) -> float:
    """Draw a bar of a round length in the lower left corner; its length in mm is returned.

    Args:
        axes: axes whose full width is `width_mm`.
        width_mm: what the axes' width stands for.
        colour: of the bar and its label.
        share: the bar is no longer than this share of the width.
        y: height of the bar in the axes, 0..1.
    """
    length_mm = nice_length(share * width_mm)
    label = f"{length_mm:g} mm" if length_mm >= 1 else f"{length_mm * 1000:g} µm"
    ends = (0.03, 0.03 + length_mm / width_mm)
    (bar,) = axes.plot(
        ends, (y, y), transform=axes.transAxes, color=colour, linewidth=2, solid_capstyle="butt", clip_on=False
    )
    text = axes.text(0.03, y + 0.02, label, transform=axes.transAxes, color=colour, fontsize=8, va="bottom", ha="left")
    for part in (bar, text):
        part.set_path_effects([withStroke(linewidth=4.5 if part is bar else 2.5, foreground="white", alpha=0.85)])
    return length_mm


def averaged(image: UInt8[np.ndarray, "H W"], factor: int) -> Float[np.ndarray, "h w"]:
    """Means of blocks of factor x factor px; rows and columns beyond the last whole block are left out."""
    height, width = (size // factor for size in image.shape)
    whole = image[: height * factor, : width * factor]
    return whole.reshape(height, factor, width, factor).mean(axis=(1, 3))
