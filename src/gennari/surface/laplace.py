"""The potential between pia and white matter within a section, whose field lines are the traverses of profiles.

Lines along its gradient neither cross nor end early where cortex bends, and meet both surfaces squarely (Schleicher et
al. 2005 take profiles along them). Depth itself is kinked where the mesh has edges, and so are its gradients.
"""

from typing import no_type_check

import numpy as np
from jaxtyping import Bool, Float
from numba import njit

from gennari.records import Ribbon

OVER = 1.95
"""Over-relaxation, for the widest stretches: where a section is cut flat cortex is a hundred pixels wide."""
CLOSE = 2e-5
"""No pixel changes by more in the last sweep; then potentials are right to about 0.001."""
SWEEPS = 1000
"""At most."""


def laplace_potential(ribbon: Ribbon) -> Float[np.ndarray, "h w"]:
    """The harmonic function on a ribbon that is depth on its rim; NaN outside cortex.

    The rim is what lies within a pixel of pia or white matter, so that banks that touch are held apart, and every
    pixel beside one that is no cortex: where a section leaves the cortex between its surfaces (a flat cut, the medial
    wall) depth is all that is known. Five-point Laplacian, solved by successive over-relaxation from depth.
    """
    potential = ribbon.depth.astype(float)
    if not ribbon.cortex.any():
        return potential
    box = tuple(slice(where.min(), where.max() + 1) for where in np.nonzero(ribbon.cortex))
    part, cortex = np.ascontiguousarray(potential[box]), np.pad(ribbon.cortex[box], 1)
    inner = cortex[:-2, 1:-1] & cortex[2:, 1:-1] & cortex[1:-1, :-2] & cortex[1:-1, 2:]
    rows, cols = np.nonzero(cortex[1:-1, 1:-1] & inner & ~_near_surface(part))
    _relax(part, rows, cols, OVER, CLOSE, SWEEPS)
    potential[box] = part
    return potential


def _near_surface(depth: Float[np.ndarray, "h w"]) -> Bool[np.ndarray, "h w"]:
    """Pixels whose centre is less than a pixel from the pia or the white surface, by the slope of depth there."""
    steps = []
    for axis in (0, 1):
        step = np.abs(np.diff(depth, axis=axis))
        edge = [(1, 0) if k == axis else (0, 0) for k in (0, 1)], [(0, 1) if k == axis else (0, 0) for k in (0, 1)]
        before, after = (np.pad(np.nan_to_num(step), pad) for pad in edge)
        steps.append(np.maximum(before, after))
    slope = np.hypot(*steps)
    return (depth < slope) | (depth > 1 - slope)


@no_type_check
@njit(cache=True)
def _relax(potential, rows, cols, over, close, sweeps):
    for _ in range(sweeps):
        largest = 0.0
        for i in range(len(rows)):
            r, c = rows[i], cols[i]
            around = potential[r - 1, c] + potential[r + 1, c] + potential[r, c - 1] + potential[r, c + 1]
            change = over * (around / 4 - potential[r, c])
            potential[r, c] += change
            largest = max(largest, abs(change))
        if largest < close:
            break
