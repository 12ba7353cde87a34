"""What one pixel of a network's output sees of the input: interval arithmetic from the output back. No torch here."""

from gennari.nets.sizes import KERNEL, TextureConfig, rim_px


def halo_px(config: TextureConfig) -> tuple[int, int]:
    """(before, behind): input pixels that a tile must read beyond its own for its output to be exact.

    The tile starts and ends on the pooling grid (multiples of `period_px`).
    """
    seen = _seen_px(config)
    return -min(lo for lo, _ in seen), max(hi for _, hi in seen) + 1 - config.period_px


def field_of_view_um(config: TextureConfig) -> tuple[float, float]:
    """Side of what one U-Net output pixel sees, and of what one cell of the last block (before pooling) sees.

    Where the pooling grid falls makes output pixels see more or less; the smallest counts, as the rim of a window does
    (1.5 mm for `s2`, 3.0 mm for `s4`).
    """
    output = min(hi + 1 - lo for lo, hi in _seen_px(config))
    cell, jump = config.stem_kernel, config.stem_stride
    for level, convs in enumerate(config.convs):
        cell += (jump // 2 if level else 0) + convs * (KERNEL - 1) * jump
        jump *= 2
    return output * config.spacing_um, cell * config.spacing_um


def seen_by_cell_px(config: TextureConfig, level: int) -> tuple[int, int]:
    """First and last input pixel that cell 0 of a block's map depends on; cell i sees i strides of the block on."""
    pad = 1 if config.padding == "same" else 0
    lo = hi = 0
    for i in range(level, -1, -1):
        lo, hi = lo - config.convs[i] * pad, hi + config.convs[i] * (KERNEL - 1 - pad)
        if i:
            lo, hi = 2 * lo, 2 * hi + 1
    before = config.stem_before_px if pad else 0
    return config.stem_stride * lo - before, config.stem_stride * hi + config.stem_kernel - 1 - before


def _seen_px(config: TextureConfig) -> list[tuple[int, int]]:
    """First and last input pixel that each output pixel of one pooling period depends on.

    Interval arithmetic from the output back to the input, counted from the first output pixel's own square.
    """
    blocks, pad = len(config.channels), 1 if config.padding == "same" else 0
    crops = _crops(config)
    rim = 0 if pad else rim_px(config) * config.stem_stride + config.stem_before_px
    stem_pad = config.stem_before_px if pad else 0
    seen = []
    for pixel in range(2**config.up_levels):
        lo = hi = pixel
        skips: dict[int, tuple[int, int]] = {}
        for level in range(config.output_block, blocks - 1):
            lo, hi = lo - 2 * pad, hi + 2 * (KERNEL - 1 - pad)
            skips[level] = (lo + crops[level], hi + crops[level])
            lo, hi = lo // 2, hi // 2
        for level in range(blocks - 1, -1, -1):
            first, last = skips.get(level, (lo, hi))
            lo, hi = min(lo, first), max(hi, last)
            lo, hi = lo - config.convs[level] * pad, hi + config.convs[level] * (KERNEL - 1 - pad)
            if level:
                lo, hi = 2 * lo, 2 * hi + 1
        stem_lo, stem_hi = config.stem_stride * lo, config.stem_stride * hi + config.stem_kernel - 1
        seen.append((stem_lo - stem_pad - rim, stem_hi - stem_pad - rim))
    return seen


def _crops(config: TextureConfig) -> dict[int, int]:
    """Pixels cropped from each side of a skip before it joins the up path, by level."""
    crops, wider = {}, 0
    for level in range(len(config.channels) - 2, config.output_block - 1, -1):
        crops[level] = 0 if config.padding == "same" else wider + config.convs[level + 1] * (KERNEL - 1)
        wider = 2 * crops[level] + 2 * (KERNEL - 1)
    return crops
