"""Shapes of cells: pyramids are teardrops with thin processes, other neurons and glia ellipses.

An edge smeared over e µm lowers the opacity by A / (A + c e² / 12), so that a cell takes the same at every spacing
(Steiner: a contour moved by ±e/2 gains c e² / 12 on average; c is pi for an ellipse, a little more for a teardrop).
"""

from typing import no_type_check

import numpy as np
from numba import njit

from gennari.phantom.cells import ANGLE, HEIGHT, OPACITY, SOFTNESS, WIDTH
from gennari.phantom.optics import APICAL_SHARE, BASAL_SHARE

APICAL_LONG, BASAL_LONG = 1.8, 0.9
"""Length of a dendrite as far as its stain is seen, over the soma's height; ours, after stained sections."""
THINNEST_UM, THICK = 1.0, 0.2
"""A dendrite where it leaves the soma is this wide, or this share of the soma's width."""
TEARDROP = 1.0 / (2.0 * 4.0 / 15.0)
"""A teardrop of half width w sqrt(t) (1 - t), t from base to tip, covers 2 w long 4 / 15."""
TEARDROP_STEINER = 4.2


@no_type_check
@njit(cache=True, inline="always")
def paint_ellipse(cell, row, col, along_row, along_col, edge, grid, transmission):
    """A round neuron or a glia cell."""
    a, b = 0.5 * cell[HEIGHT], 0.5 * cell[WIDTH]
    area = np.pi * a * b
    opacity = cell[OPACITY] * area / (area + np.pi * edge * edge / 12)
    reach = (max(a, b) + 0.5 * edge) / grid.spacing_um + 1
    for i in range(max(int(row - reach), 0), min(int(row + reach) + 1, grid.height)):
        for j in range(max(int(col - reach), 0), min(int(col + reach) + 1, grid.width)):
            down, right = (i + 0.5 - row) * grid.spacing_um, (j + 0.5 - col) * grid.spacing_um
            u, v = down * along_row + right * along_col, -down * along_col + right * along_row
            # distance to the ellipse to first order: f / |grad f| of f = |(u/a, v/b)| - 1, safe in the centre
            f = np.sqrt((u / a) ** 2 + (v / b) ** 2)
            steep = np.sqrt((u / (a * a)) ** 2 + (v / (b * b)) ** 2) / max(f, 1e-6)
            outside = (f - 1.0) / steep if f > 0.2 else -min(a, b)
            cover = min(max(0.5 - outside / edge, 0.0), 1.0)
            transmission[i, j] *= 1.0 - opacity * cover


@no_type_check
@njit(cache=True)
def paint_pyramid(cell, row, col, along_row, along_col, edge, grid, transmission):
    """A teardrop of the ellipse's area whose tip, with a dendrite, looks to the pia, and two dendrites at its base."""
    area = np.pi / 4 * cell[HEIGHT] * cell[WIDTH]
    long = 1.15 * cell[HEIGHT]
    half = area * TEARDROP / long
    opacity = cell[OPACITY] * area / (area + TEARDROP_STEINER * edge * edge / 12)
    # the centre of gravity of a teardrop lies 3/7 of its length from the base
    base = -3.0 / 7.0 * long
    reach = (0.6 * long + 0.5 * edge) / grid.spacing_um + 1
    for i in range(max(int(row - reach), 0), min(int(row + reach) + 1, grid.height)):
        for j in range(max(int(col - reach), 0), min(int(col + reach) + 1, grid.width)):
            down, right = (i + 0.5 - row) * grid.spacing_um, (j + 0.5 - col) * grid.spacing_um
            u, v = down * along_row + right * along_col, abs(-down * along_col + right * along_row)
            outside = _off_teardrop(u - base, v, long, half)
            cover = min(max(0.5 - outside / edge, 0.0), 1.0)
            if cover > 0.0:
                transmission[i, j] *= 1.0 - opacity * cover
    # dendrites are sharper than the soma's far edge, and never thinner than a pixel
    fine = np.sqrt(0.25 * cell[SOFTNESS] ** 2 + grid.spacing_um**2)
    broad = max(THINNEST_UM, THICK * cell[WIDTH])
    step = 1.0 / grid.spacing_um
    tip = (base + 0.8 * long) * step
    _process(
        row + tip * along_row, col + tip * along_col, along_row, along_col, APICAL_LONG * cell[HEIGHT], broad, fine,
        cell[OPACITY] * area * APICAL_SHARE, grid, transmission,
    )  # fmt: skip
    for side in (-1.0, 1.0):
        # away from the soma's base, 50 degrees off the axis and more or less with the cell's own angle
        turn = 2.2 + 0.5 * np.sin(7.0 * cell[ANGLE] + side)
        cos, sin = np.cos(turn), side * np.sin(turn)
        out_row, out_col = cos * along_row - sin * along_col, sin * along_row + cos * along_col
        low = (base + 0.15 * long) * step
        _process(
            row + low * along_row + 0.3 * half * step * out_row, col + low * along_col + 0.3 * half * step * out_col,
            out_row, out_col, BASAL_LONG * cell[HEIGHT], broad, fine, cell[OPACITY] * area * BASAL_SHARE, grid,
            transmission,
        )  # fmt: skip


@no_type_check
@njit(cache=True, inline="always")
def _off_teardrop(t_um, v, long, half):
    """Distance to a teardrop's outline to first order, negative inside."""
    t = t_um / long
    if t <= 0.02:
        # the base is blunt: a circle of its first bend
        bend = half * half / (2.0 * long)
        return np.sqrt((t_um - bend) ** 2 + v * v) - bend
    if t >= 1.0:
        return np.sqrt((t_um - long) ** 2 + v * v)
    root = np.sqrt(t)
    slope = half / long * (0.5 * (1.0 - t) / root - root)
    return max((v - half * root * (1.0 - t)) / np.sqrt(1.0 + slope * slope), -t_um)


@no_type_check
@njit(cache=True)
def _process(row, col, along_row, along_col, long, broad, edge, take_um2, grid, transmission):
    """A dendrite from (row, col) px on, fading towards its end; it takes `take_um2` in all.

    It is drawn line by line across its longer extent on the window, so that only pixels it touches are visited.
    """
    thick = np.sqrt(broad * broad + edge * edge)
    # a triangle across (area thick) that fades evenly along
    pale = min(take_um2 / (0.5 * thick * long), 0.95)
    steep = abs(along_row) >= abs(along_col)
    main, cross = (along_row, along_col) if steep else (along_col, along_row)
    first, other = (row, col) if steep else (col, row)
    lines, places = (grid.height, grid.width) if steep else (grid.width, grid.height)
    end = first + long / grid.spacing_um * main
    spread = thick / grid.spacing_um / abs(main)
    low, high = (
        min(first, end) - abs(cross) * thick / grid.spacing_um,
        max(first, end) + abs(cross) * thick / grid.spacing_um,
    )
    for line in range(max(int(np.floor(low)), 0), min(int(np.ceil(high)) + 1, lines)):
        away = line + 0.5 - first
        middle = other + away * cross / main
        for place in range(max(int(np.floor(middle - spread)), 0), min(int(np.ceil(middle + spread)) + 1, places)):
            aside = place + 0.5 - other
            u = (away * main + aside * cross) * grid.spacing_um / long
            v = abs(aside * main - away * cross) * grid.spacing_um / thick
            if 0.0 < u < 1.0 and v < 1.0:
                light = 1.0 - pale * (1.0 - v) * (1.0 - u)
                if steep:
                    transmission[line, place] *= light
                else:
                    transmission[place, line] *= light
