"""Turned and mirrored windows, cut so that image, labels and prior turn about one point of their section."""

from dataclasses import dataclass
from typing import NamedTuple, no_type_check

import numpy as np
from jaxtyping import Float, Float32, Int, Shaped, UInt8
from numba import njit

from gennari.data.prior import Prior

_QUARTER_DEG = 90.0


class Turn(NamedTuple):
    """How a window lies: mirrored columns of a window turned by `angle`, as `Window.rotation_deg` counts it.

    Attributes:
        quarters: quarter turns; `angle_deg` comes on top of them.
    """

    mirrored: bool = False
    quarters: int = 0
    angle_deg: float = 0.0

    @property
    def exact(self) -> bool:
        """Whether pixels fall on pixels."""
        return self.angle_deg % _QUARTER_DEG == 0

    @property
    def exact_quarters(self) -> int:
        """All quarter turns of an exact turn, 0 to 3."""
        return (self.quarters + round(self.angle_deg / _QUARTER_DEG)) % 4

    @property
    def direction(self) -> tuple[float, float, float]:
        """(cos, sin, side): a pixel (r, c) from the centre shows (cos r - sin side c, sin r + cos side c)."""
        angle = np.deg2rad(self.angle_deg + _QUARTER_DEG * self.quarters)
        return float(np.cos(angle)), float(np.sin(angle)), -1.0 if self.mirrored else 1.0

    def shown(self, offset: Float[np.ndarray, "2"]) -> Float[np.ndarray, "2"]:
        """What a pixel at this (row, col) from the window's middle shows, counted from there on the section."""
        cos, sin, side = self.direction
        row, col = offset[0], side * offset[1]
        return np.array([cos * row - sin * col, sin * row + cos * col])


@dataclass(frozen=True, kw_only=True)
class Cut:
    """A square window of one of a section's grids, about the square of the network's output.

    The output square, seen on this grid, is what turns about its own middle; a window may reach further on one side of
    it than on the other, and does so after turning as before.

    Attributes:
        side_px: of the window, which begins `before_px` before the output square.
        inner_px: of the output square.
    """

    side_px: int
    before_px: int
    inner_px: int

    def exact(
        self, array: Shaped[np.ndarray, "*a h w"] | Prior, start: Int[np.ndarray, "2"], turn: Turn, fill: int
    ) -> np.ndarray:
        """The window whose output square begins at `start`, for an exact turn; `fill` where it leaves the array."""
        if turn.exact_quarters == 0 and not turn.mirrored:
            return cut(array, start - self.before_px, self.side_px, fill)
        rim = max(self.before_px, self.side_px - self.inner_px - self.before_px)
        square = cut(array, start - rim, self.inner_px + 2 * rim, fill)
        lead = rim - self.before_px
        return laid(square, turn)[..., lead : lead + self.side_px, lead : lead + self.side_px]

    def around(
        self, array: Shaped[np.ndarray, "*a h w"] | Prior, start: Int[np.ndarray, "2"], turn: Turn, fill: int
    ) -> tuple[np.ndarray, tuple[float, float]]:
        """All that a turned window shows, uncut, and where in it (row, col) the output square has its middle."""
        cos, sin, _ = turn.direction
        reach = self.inner_px / 2 + max(self.before_px, self.side_px - self.inner_px - self.before_px)
        half = int(np.ceil(reach * (abs(cos) + abs(sin)))) + 1  # one more: interpolation reads the next pixel
        middle = start + self.inner_px / 2
        first = np.floor(middle).astype(int) - half
        row, col = (middle - first).tolist()
        return cut(array, first, 2 * half + 1, fill), (row, col)

    @property
    def lead_px(self) -> float:
        """From the window's edge to the middle of the output square."""
        return self.before_px + self.inner_px / 2


def window_grey(
    image: UInt8[np.ndarray, "h w"],
    start: Int[np.ndarray, "2"],
    which: Cut,
    turn: Turn,
    table: Float32[np.ndarray, "256"],
    fill: int,
) -> Float32[np.ndarray, "s s"]:
    """A window of grey values through their table; interpolated linearly where the turn is not exact."""
    if turn.exact:
        return np.take(table, which.exact(image, start, turn, fill), mode="clip")
    box, middle = which.around(image, start, turn, fill)
    return _linear(np.take(table, box, mode="clip")[None], middle, which, turn)[0]


def window_planes(
    planes: Shaped[np.ndarray, "a h w"] | Prior, start: Int[np.ndarray, "2"], which: Cut, turn: Turn
) -> Float32[np.ndarray, "a s s"]:
    """A window of probabilities, 0 outside; interpolated linearly where the turn is not exact."""
    if turn.exact:
        return which.exact(planes, start, turn, 0).astype(np.float32)
    box, middle = which.around(planes, start, turn, 0)
    out = np.zeros((len(planes), which.side_px, which.side_px), np.float32)
    # most areas are nowhere near a window
    near = np.flatnonzero(box.reshape(len(box), -1).max(axis=1)) if box.size else np.zeros(0, int)
    out[near] = _linear(box[near].astype(np.float32), middle, which, turn)
    return out


def window_labels(
    labels: UInt8[np.ndarray, "h w"], start: Int[np.ndarray, "2"], which: Cut, turn: Turn, fill: int
) -> UInt8[np.ndarray, "s s"]:
    """A window of labels, each that of the pixel its centre falls in; `fill` outside."""
    if turn.exact:
        return which.exact(labels, start, turn, fill)
    box, middle = which.around(labels, start, turn, fill)
    out = np.empty((which.side_px, which.side_px), np.uint8)
    _turn_nearest(box, middle, turn.direction, which.lead_px, out)
    return out


def turned_patch(
    image: UInt8[np.ndarray, "h w"], turn: Turn, table: Float32[np.ndarray, "256"], out: Float32[np.ndarray, "h w"]
) -> None:
    """A patch turned about its own middle and put through its table; it goes on beyond its border as its mirror image.

    Args:
        image: square where it is turned at all.
        turn: how it shall lie.
        table: what each grey value becomes.
        out: receives the result.
    """
    if turn.exact:
        np.take(table, laid(image, turn), out=out, mode="clip")
        return
    side = len(image)
    cos, sin, _ = turn.direction
    rim = int(np.ceil(side / 2 * (abs(cos) + abs(sin) - 1))) + 1
    grey = np.take(table, np.pad(image, rim, mode="symmetric"), mode="clip")
    middle = (rim + side / 2, rim + side / 2)
    _turn_linear(grey[None], middle, turn.direction, side / 2, out[None])


def laid(array: Shaped[np.ndarray, "*a h w"], turn: Turn) -> np.ndarray:
    """An array after an exact turn of its last two axes; a view."""
    quarters = turn.exact_quarters
    turned = np.rot90(array, -quarters, axes=(-2, -1)) if quarters else array
    return turned[..., ::-1] if turn.mirrored else turned


def cut(array: Shaped[np.ndarray, "*a h w"] | Prior, start: Int[np.ndarray, "2"], side: int, fill: int) -> np.ndarray:
    """A square of the last two axes beginning at `start`; `fill` where it leaves the array."""
    h, w = array.shape[-2:]
    out = np.full((*array.shape[:-2], side, side), fill, array.dtype)
    lo, hi = np.maximum(start, 0), np.minimum(start + side, (h, w))
    if (lo < hi).all():
        (top, left), (bottom, right) = lo - start, hi - start
        out[..., top:bottom, left:right] = array[..., lo[0] : hi[0], lo[1] : hi[1]]
    return out


def _linear(
    planes: Float32[np.ndarray, "a h w"], middle: tuple[float, float], which: Cut, turn: Turn
) -> Float32[np.ndarray, "a s s"]:
    out = np.empty((len(planes), which.side_px, which.side_px), np.float32)
    _turn_linear(planes, middle, turn.direction, which.lead_px, out)
    return out


@no_type_check
@njit(cache=True)
def _turn_linear(planes, middle, direction, lead, out):
    """Every pixel of `out` from the four around the place it shows; all of them must be there."""
    cos, sin, side = direction
    for i in range(out.shape[1]):
        p = i + 0.5 - lead
        for j in range(out.shape[2]):
            q = side * (j + 0.5 - lead)
            y = middle[0] + cos * p - sin * q - 0.5
            x = middle[1] + sin * p + cos * q - 0.5
            r, c = int(np.floor(y)), int(np.floor(x))
            down, right = np.float32(y - r), np.float32(x - c)
            for a in range(out.shape[0]):
                upper = planes[a, r, c] + right * (planes[a, r, c + 1] - planes[a, r, c])
                lower = planes[a, r + 1, c] + right * (planes[a, r + 1, c + 1] - planes[a, r + 1, c])
                out[a, i, j] = upper + down * (lower - upper)


@no_type_check
@njit(cache=True)
def _turn_nearest(plane, middle, direction, lead, out):
    cos, sin, side = direction
    for i in range(out.shape[0]):
        p = i + 0.5 - lead
        for j in range(out.shape[1]):
            q = side * (j + 0.5 - lead)
            r = int(np.floor(middle[0] + cos * p - sin * q))
            c = int(np.floor(middle[1] + sin * p + cos * q))
            out[i, j] = plane[r, c]
