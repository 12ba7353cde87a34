"""Stored values of any number of channels to grey values 0..255."""

import numpy as np
from jaxtyping import UInt8

from gennari.errors import InputError

_LUMA = np.array([299, 587, 114], np.uint32)
"""Thousandths of red, green and blue (ITU-R BT.601): what a grey photograph of the stain would show."""
CHANNELS = (1, 2, 3, 4)
"""Grey, grey and opacity, RGB, RGB and opacity."""


def to_grey(pixels: np.ndarray, where: str) -> UInt8[np.ndarray, "h w"]:
    """Grey values of an image (h, w) or (h, w, channels); opacity lets white glass shine through.

    Args:
        pixels: uint8; channels are grey, grey and opacity, RGB, or RGB and opacity. Boolean images are 0 and 255.
        where: the image's place, for a message.

    Raises:
        InputError: other values or another number of channels.
    """
    if pixels.dtype == bool:
        pixels = pixels.astype(np.uint8) * 255
    channels = pixels.shape[2] if pixels.ndim == 3 else 1
    if pixels.dtype != np.uint8 or pixels.ndim not in (2, 3) or channels not in CHANNELS:
        raise InputError(
            f"{where} must hold grey or RGB values of 8 bits, but it holds {pixels.dtype} in {channels} channel(s); "
            "scale it to 0..255 and save it in one of these"
        )
    if pixels.ndim == 2:
        return pixels
    colour = pixels[..., :3] if channels >= 3 else pixels[..., :1]
    grey = ((colour @ _LUMA + 500) // 1000).astype(np.uint8) if channels >= 3 else colour[..., 0]
    if channels in (2, 4):
        opacity = pixels[..., -1].astype(np.uint32)
        grey = ((grey * opacity + 255 * (255 - opacity) + 127) // 255).astype(np.uint8)
    return np.ascontiguousarray(grey)
