"""What a pre-trained network makes of patches."""

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from gennari.data.pixels import Normalisation
from gennari.data.prepare import normalise
from gennari.nets.siamese import SiameseNet


def branch_features(
    net: SiameseNet, images: UInt8[np.ndarray, "n h w"], normalisation: Normalisation, batch: int = 64
) -> Float32[np.ndarray, "n f"]:
    """Feature vectors f(x) of patches, in evaluation mode on the network's own device.

    The network is left in the mode it came in.

    Args:
        net: the pre-trained network.
        images: grey values of upright patches.
        normalisation: the one the network was trained with.
        batch: patches at once; the result does not depend on it.
    """
    device = next(net.parameters()).device
    training = net.training
    net.eval()
    out = np.empty((len(images), net.config.features), np.float32)
    try:
        with torch.inference_mode():
            for start in range(0, len(images), batch):
                patches = torch.from_numpy(normalise(images[start : start + batch], normalisation))
                out[start : start + batch] = net.features(patches[:, None].to(device)).cpu().numpy()
    finally:
        net.train(training)
    return out
