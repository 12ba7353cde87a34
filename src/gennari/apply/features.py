"""What a pre-trained network makes of patches, and of all places along the ribbon."""

import numpy as np
import torch
from jaxtyping import Float32, UInt8

from gennari.data.patch_images import PatchImages
from gennari.data.pixels import Normalisation
from gennari.data.prepare import normalise
from gennari.execute import Report, Tick
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


def source_features(
    net: SiameseNet,
    images: PatchImages,
    normalisation: Normalisation,
    *,
    batch: int = 64,
    chunk: int = 1024,
    tick: Report | None = None,
) -> Float32[np.ndarray, "n f"]:
    """Feature vectors of all images of a source, in its order; memory holds one chunk of images at a time.

    Args:
        net: the pre-trained network.
        images: such as `SectionImages` of places along the ribbon, whose order lets each section be opened once.
        normalisation: the one the network was trained with.
        batch: patches at once; the result does not depend on it.
        chunk: images read at once; nor on this.
        tick: told after each chunk.

    Raises:
        InputError: as the source.
        ValueError: the source's images have another size than the network's patches.
    """
    if images.side_px != net.config.patch_px:
        raise ValueError(f"images must be the network's patches of {net.config.patch_px} px, got {images.side_px} px")
    out = np.empty((len(images), net.config.features), np.float32)
    for begin in range(0, len(images), chunk):
        rows = np.arange(begin, min(begin + chunk, len(images)))
        out[rows] = branch_features(net, images.read(rows), normalisation, batch)
        if tick:
            tick(Tick("features", int(rows[-1]) + 1, len(images), f"{rows[-1] + 1} patches"))
    return out
