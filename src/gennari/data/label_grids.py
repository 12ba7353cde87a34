"""Class maps on coarser grids."""

import numpy as np
from jaxtyping import UInt8


def coarsened(labels: UInt8[np.ndarray, "h w"], factor: int) -> UInt8[np.ndarray, "H W"]:
    """The most frequent class of each block of factor x factor pixels; the lowest index on a tie.

    Blocks that stick out at the lower or right edge are judged by the pixels they have.
    """
    if factor == 1:
        return labels
    rows, cols = (-(-side // factor) for side in labels.shape)
    best = np.zeros((rows, cols), np.uint8)
    most = np.zeros((rows, cols), np.int32)
    for label in np.unique(labels):
        padded = np.zeros((rows * factor, cols * factor), np.int32)
        padded[: labels.shape[0], : labels.shape[1]] = labels == label
        count = padded.reshape(rows, factor, cols, factor).sum(axis=(1, 3))
        best = np.where(count > most, label, best)
        most = np.maximum(count, most)
    return best
