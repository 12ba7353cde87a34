"""Slow trends of layers over the whole hemisphere, the same in every individual.

Areas sit on trends that run through all of cortex. Three are drawn here; their direction is published, their common
size is the phantom's setting `gradient`. The published factor of two would be 0.69; BigBrain's staining shows less of
it (with 0.69 its areas deviate from their mean less like the real ones than with 0.2):

- cells grow denser from frontal to occipital (Cahalane, Charvet & Finlay 2012; Ribeiro et al. 2013: about a factor of
  two in human);
- granular layers (II, IV) are emphasised ventrally, pyramidal ones (III, V) dorsally (Sanides 1962; Goldberg 1989);
- upper layers gain on lower ones with the distance from the limbic margin (laminar differentiation; Barbas 2015), here
  from the medial side outwards.
"""

import numpy as np
from jaxtyping import Float

from gennari.records import Hemisphere

_OCCIPITAL = (1.0, 1.0, 1.0, 1.0, 1.0, 1.0)
_DORSAL = (0.0, -1.0, 1.0, -1.0, 1.0, 0.0)
_LATERAL = (0.0, 1.0, 1.0, 0.0, -1.0, -1.0)


def trends(hemisphere: Hemisphere) -> Float[np.ndarray, "v 6"]:
    """Log density of each layer along the three trends, per vertex; each spans 1 from one end to the other."""
    x, y, z = _unit_range(hemisphere.mirrored_inflated_mm).T
    parts = ((-y, _OCCIPITAL), (z, _DORSAL), (-x, _LATERAL))
    return np.sum([np.outer(place, layers) for place, layers in parts], axis=0)


def _unit_range(points: Float[np.ndarray, "v 3"]) -> Float[np.ndarray, "v 3"]:
    """Coordinates as shares of the hemisphere's extent, -0.5 to 0.5 (the mirrored left has lateral at negative x)."""
    low, high = points.min(axis=0), points.max(axis=0)
    return (points - low) / (high - low) - 0.5
