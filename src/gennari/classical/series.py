"""Profile features along a piece of ribbon, from its section's image."""

from dataclasses import dataclass, replace

import numpy as np
from jaxtyping import Bool, Float

from gennari.classical.alignment import aligned, carried_on
from gennari.classical.gli import CellIndex
from gennari.classical.profiles import FEATURE_NAMES, profile_features
from gennari.surface.unroll import Unrolled, lay_flat

OUTER, INNER = 0.1, 0.95
"""Depths that profiles run between: from layer II, since layer I holds few cells, to short of the white matter, whose
edge would be part of the profile wherever the surface lies a pixel off."""
SLACK = 0.25
"""0.6 mm of a cortex of 2.5 mm: registrations are off by 0.1 to 0.5 mm."""
FLAT = 1e-9
"""Slopes below this share of the highest value are rounding of the interpolation."""
GLASS_SHARE = 1 / 3
"""Tissue whose index is below this share of the piece's median is lost or torn."""


@dataclass(frozen=True, kw_only=True)
class ProfileSeries:
    """Profiles along one piece of ribbon and what describes them.

    Attributes:
        arc_mm: of each profile, along the piece.
        profiles: the index from OUTER to INNER, pia first; NaN where it is not known.
        shift: how much deeper each was read than the surfaces say, share of the cortex.
        features: as `FEATURE_NAMES`; NaN where the profile is not known.
        closed: the piece returns to its start.
    """

    arc_mm: Float[np.ndarray, "n"]
    profiles: Float[np.ndarray, "n d"]
    shift: Float[np.ndarray, "n"]
    features: Float[np.ndarray, "n 10"]
    closed: bool

    def gap_mm(self, gap: Float[np.ndarray, "k"]) -> Float[np.ndarray, "k"]:
        """Where gaps lie along the piece: gap i half way between profiles i and i + 1."""
        return self.arc_mm[0] + (gap + 0.5) * (self.arc_mm[1] - self.arc_mm[0])


def profile_series(piece: Unrolled, index: CellIndex, columns: int = 2, slack: float = SLACK) -> ProfileSeries:
    """Read the index along the traverses of a piece and describe each profile.

    Profiles are means over neighbouring traverses: 128 µm apart and as wide, with two of 64 µm. Traverses that end
    early or leave the image do not count; a profile that has none, lies on glass or has no moments is not known.

    Args:
        piece: of the same section, unrolled.
        index: of the section.
        columns: traverses in a profile; those left over at the end are left out.
        slack: share of the cortex by which profiles may be moved to agree (classical/alignment.py); 0 takes the
            surfaces as they are.
    """
    across = (piece.depth >= OUTER) & (piece.depth <= INNER)
    n, margin = len(piece.arc_mm) // columns, round(slack * len(piece.depth))
    step = piece.depth[1] - piece.depth[0]
    depth = piece.depth[0] + step * np.arange(-margin, len(piece.depth) + margin)
    longer = replace(piece, depth=depth, centre_um=carried_on(piece.centre_um, margin))
    traverses = lay_flat(longer, index.values, index.spacing_um).T[: n * columns]
    profiles, shift = aligned(_mean_of_known(traverses.reshape(n, columns, -1), margin), margin, piece.closed)
    profiles = profiles[:, across]
    described = _describable(profiles)
    features = np.full((n, len(FEATURE_NAMES)), np.nan)
    features[described] = profile_features(profiles[described])
    return ProfileSeries(
        arc_mm=piece.arc_mm[: n * columns].reshape(n, columns).mean(axis=1),
        profiles=profiles,
        shift=shift / len(piece.depth),
        features=features,
        closed=piece.closed,
    )


def _mean_of_known(traverses: Float[np.ndarray, "n c d"], margin: int) -> Float[np.ndarray, "n d"]:
    """Mean over the traverses that are known at all depths within the cortex; NaN where there are none."""
    inner = traverses[:, :, margin : traverses.shape[2] - margin]
    known = np.asarray(np.isfinite(inner).all(axis=2))
    count = known.sum(axis=1)[:, None]
    total = np.where(known[:, :, None], traverses, 0.0).sum(axis=1)
    return np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)


def _describable(profiles: Float[np.ndarray, "n d"]) -> Bool[np.ndarray, "n"]:
    known = np.asarray(np.isfinite(profiles).all(axis=1))
    if not known.any():
        return known
    slope = np.abs(np.gradient(profiles, axis=1))
    steep = slope > FLAT * np.nanmax(np.abs(profiles))
    moments = ((profiles > 0).sum(axis=1) >= 2) & (steep.sum(axis=1) >= 2) & ~(profiles < 0).any(axis=1)
    mean = profiles.mean(axis=1)
    tissue = mean >= GLASS_SHARE * np.median(mean[known])
    return np.asarray(known & moments & tissue)
