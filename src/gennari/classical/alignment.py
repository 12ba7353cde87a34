"""Profiles moved to where the cortex lies in the image: surfaces are off by tenths of a millimetre.

The published method traces the cortex's contours in the image. Ours come from registered surfaces, and a section lies
off them by 0.1 to 0.5 mm: layers then seem to move along the ribbon, and blocks differ for that. A registration that is
off moves a whole column, so one number for each profile mends it: how far it has to move to look most like the piece's
median profile. Neighbours decide together, or a border would be moved away.
"""

import numpy as np
from jaxtyping import Float
from scipy.ndimage import gaussian_filter1d

SMOOTH_ROWS = 6.0
"""SD of the window along the ribbon over which profiles decide together, rows."""
ROUNDS = 2
"""The median profile gets sharper once profiles are aligned."""


def carried_on(centre_um: Float[np.ndarray, "d a 2"], margin: int) -> Float[np.ndarray, "e a 2"]:
    """Traverses that go on straight beyond both surfaces, by as many of their own steps."""
    steps = np.arange(1, margin + 1)[:, None, None]
    reach = min(3, len(centre_um) - 1)
    above = centre_um[0] + (centre_um[0] - centre_um[reach]) / reach * steps[::-1]
    below = centre_um[-1] + (centre_um[-1] - centre_um[-1 - reach]) / reach * steps
    return np.concatenate([above, centre_um, below])


def aligned(
    profiles: Float[np.ndarray, "n e"], margin: int, closed: bool = False
) -> tuple[Float[np.ndarray, "n d"], Float[np.ndarray, "n"]]:
    """Move profiles along their depth until they agree.

    Args:
        profiles: in order along a piece, with `margin` samples more at each end than are wanted. NaN makes a profile
            unknown; in a margin (the image ends there) it counts as the last sample before it.
        margin: the farthest a profile may move, in samples.
        closed: the piece returns to its start.

    Returns:
        The profiles without margins, and how far each was moved, samples: positive where cortex lies deeper than the
        surfaces say. Profiles that are not known stay so.
    """
    n, width = profiles.shape
    depths = width - 2 * margin
    inner = profiles[:, margin : width - margin]
    known = np.asarray(np.isfinite(inner).all(axis=1))
    if margin == 0 or not known.any():
        return inner, np.zeros(n)
    ends = np.concatenate([inner[:, :1].repeat(margin, 1), inner, inner[:, -1:].repeat(margin, 1)], axis=1)
    filled = np.where(known[:, None], np.where(np.isfinite(profiles), profiles, ends), 0.0)
    moved, shift = filled, np.zeros(n)
    for _ in range(ROUNDS):
        template = np.median(moved[known], axis=0)[margin : margin + depths]
        parts = [filled[:, k : k + depths] for k in range(2 * margin + 1)]
        costs = np.stack([np.where(known, ((part - template) ** 2).mean(axis=1), 0.0) for part in parts])
        shift = _least(costs, closed) - margin
        moved = _moved(filled, shift)
    moved[~known] = np.nan
    return moved[:, margin : margin + depths], shift


def _least(costs: Float[np.ndarray, "s n"], closed: bool) -> Float[np.ndarray, "n"]:
    """Where costs are lowest, between the samples (a parabola through three), smooth along the ribbon."""
    mode = "wrap" if closed else "nearest"
    costs = np.asarray(gaussian_filter1d(costs, SMOOTH_ROWS, axis=1, mode=mode))
    best = np.clip(costs.argmin(axis=0), 1, len(costs) - 2)
    rows = np.arange(costs.shape[1])
    before, here, after = (costs[best + k, rows] for k in (-1, 0, 1))
    bend = before + after - 2 * here
    part = np.divide(before - after, 2 * bend, out=np.zeros(len(rows)), where=bend > 0)
    return np.asarray(gaussian_filter1d(best + np.clip(part, -1.0, 1.0), 0.7 * SMOOTH_ROWS, mode=mode))


def _moved(profiles: Float[np.ndarray, "n e"], shift: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n e"]:
    """Each profile read `shift` samples deeper; linear between samples, the last one beyond the ends."""
    at = np.arange(profiles.shape[1])
    return np.stack([np.interp(at + by, at, row) for row, by in zip(profiles, shift, strict=True)])
