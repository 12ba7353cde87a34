"""Predicted distances of pairs, for err_dist."""

from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from jaxtyping import Float, Float32

from gennari.data.patch_images import PatchImages
from gennari.data.pixels import Normalisation
from gennari.data.prepare import normalise
from gennari.nets.siamese import SiameseNet
from gennari.records import PairTable
from gennari.train.settings import PretrainSettings

By = Literal["features", "coordinates"]
"""What distances are read from: "features" is ||f(x1) - f(x2)||² (Spitzer et al. 2018, eq. (1)); "coordinates" is the
straight distance of the two predicted places on the inflated surface."""
PX_AT_ONCE = 2**22
CALIBRATION_PAIRS = 4000


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """distance = slope x predicted + offset_mm."""

    slope: float
    offset_mm: float

    def apply(self, predicted_mm: Float[np.ndarray, "p"]) -> Float[np.ndarray, "p"]:
        """Calibrated distances."""
        return self.slope * predicted_mm + self.offset_mm


def read_by(settings: PretrainSettings) -> By:
    """What the distances of a network are read from: its features, unless it was taught coordinates and no distances.

    A network that was not taught distances needs calibrating either way (`calibrate_on`).
    """
    return "coordinates" if settings.use_coordinates and not settings.use_distance else "features"


def calibrate(predicted_mm: Float[np.ndarray, "p"], distance_mm: Float[np.ndarray, "p"]) -> Calibration:
    """The least squares line from predicted to true distances; a constant prediction is given their mean.

    For networks that were never taught a distance: straight distances of two predicted places on the inflated surface
    are shorter than the way along the cortex. Fit it on training pairs.
    """
    predicted, true = np.asarray(predicted_mm, float), np.asarray(distance_mm, float)
    variance = predicted.var()
    slope = float(((predicted - predicted.mean()) * (true - true.mean())).mean() / variance) if variance > 0 else 0.0
    return Calibration(slope=slope, offset_mm=float(true.mean() - slope * predicted.mean()))


def calibrate_on(
    net: SiameseNet, images: PatchImages, normalisation: Normalisation, train: PairTable, by: By
) -> Calibration:
    """The line from what the network says of distances to those along the cortex, on training pairs.

    CALIBRATION_PAIRS of them at most, evenly through the table.
    """
    some = train.take(np.linspace(0, len(train) - 1, min(len(train), CALIBRATION_PAIRS)).astype(int))
    return calibrate(predict_distances(net, images, normalisation, some, by), some.distance_mm)


@torch.inference_mode()
def predict_distances(
    net: SiameseNet,
    images: PatchImages,
    normalisation: Normalisation,
    pairs: PairTable,
    by: By = "features",
    batch: int | None = None,
) -> Float32[np.ndarray, "p"]:
    """Geodesic distance in mm that the network predicts for each pair; every patch is run once.

    Args:
        net: trained; put into evaluation mode for the time.
        images: patches.
        normalisation: that of its training.
        pairs: rows of `images`.
        batch: patches run at once; by default as many as hold PX_AT_ONCE pixels, 256 at most.
        by: what they are read from (`read_by`).
    """
    pairs.check(len(images))
    batch = batch or max(1, min(256, PX_AT_ONCE // images.side_px**2))
    rows, where = np.unique(np.concatenate([pairs.first, pairs.second]), return_inverse=True)
    parameter = next(net.parameters())
    was_training = net.training
    net.eval()
    parts = []
    for start in range(0, len(rows), batch):
        grey = normalise(images.read(rows[start : start + batch]), normalisation)
        parts.append(net.features(torch.from_numpy(grey[:, None]).to(parameter.device)))
    net.train(was_training)
    features = torch.cat(parts)
    ends = torch.from_numpy(where).to(parameter.device)
    first, second = features[ends[: len(pairs)]], features[ends[len(pairs) :]]
    if by == "features":
        return net.distances_mm(first, second).cpu().numpy()
    return (net.coordinates_mm(first) - net.coordinates_mm(second)).norm(dim=1).cpu().numpy()
