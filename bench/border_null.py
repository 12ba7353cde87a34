"""The classical method on homogeneous cortex, and its power on a border; the last line is JSON.

python bench/border_null.py --ribbons 400 --figure border-power.png

Ribbons of 40 to 60 mm with a profile every 128 µm. At alpha = 0.05 at most 33 of 400 may have any border: that is the
99.9 % point of the binomial. Three kinds: phantom strips of one cytoarchitecture, Gaussian series, open and closed. For
comparison it says how many have a D² somewhere that passes F's own threshold.
"""

import argparse
import json
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import repeat
from pathlib import Path

import numpy as np
from jaxtyping import Float
from scipy import stats

from border_null_figure import draw_power
from gennari.classical.detection import DetectedBorders, DetectionSettings, detect_borders
from gennari.classical.hotelling import f_of_d2
from homogeneous import FEATURES, bordered_rows, contrast, gaussian_rows, stepped, strip_rows

SETTINGS = DetectionSettings(surrogates=99)
ROW_MM = 0.128
NEAR_MM = 1.0
SIZES = (0.0, 1.0, 2.0, 3.0, 4.0, 6.0, 8.0)
PAIRS = (("hOc1", "hOc2"), ("hOc2", "hOc3d"), ("hOc2", "hOc3v"), ("hOc3v", "hOc4v"), ("FG1", "FG2"), ("FG3", "FG4"))
NULLS = {
    "phantom strip": (strip_rows, False),
    "Gaussian, open": (partial(gaussian_rows, closed=False), False),
    "Gaussian, closed": (partial(gaussian_rows, closed=True), True),
}
Draw = Callable[[np.random.Generator], Float[np.ndarray, "n p"]]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--ribbons", type=int, default=400, help="of each kind of homogeneous cortex")
    parser.add_argument("--steps", type=int, default=60, help="ribbons for each point of the power curve")
    parser.add_argument("--seed", type=int, default=1999, help="of all chance")
    parser.add_argument("--workers", type=int, default=1, help="processes")
    parser.add_argument("--figure", type=Path, help="PNG to write")
    given = parser.parse_args()
    began = time.perf_counter()
    with ProcessPoolExecutor(given.workers) as pool:
        levels = {}
        for k, (name, (draw, closed)) in enumerate(NULLS.items()):
            tried = pool.map(partial(_null, draw, closed), _seeds(given.seed, k, given.ribbons), chunksize=4)
            some, by_f = np.array(list(tried)).T
            levels[name] = {"with_border": int(some.sum()), "with_border_by_f": int(by_f.sum())}
            print(name, levels[name], flush=True)
        curve = []
        for k, size in enumerate(SIZES):
            seeds = _seeds(given.seed, 10 + k, given.steps)
            found, false = np.mean(list(pool.map(_step, repeat(size), seeds, chunksize=4)), axis=0)
            curve.append((size, float(found)))
            print(f"step of {size:g} deviations: found {found:.2f}, others {false:.2f} a ribbon", flush=True)
        pairs = {}
        for k, pair in enumerate(PAIRS):
            seeds = _seeds(given.seed, 20 + k, given.steps)
            found, false = np.mean(list(pool.map(_pair, repeat(pair), seeds, chunksize=4)), axis=0)
            size = contrast(pair, np.random.default_rng([given.seed, 30 + k]), 6)
            pairs["/".join(pair)] = {"contrast": size, "found_1mm": float(found), "others": float(false)}
            print(pair, pairs["/".join(pair)], flush=True)
    if given.figure:
        points = {name: (row["contrast"], row["found_1mm"]) for name, row in pairs.items()}
        given.figure.write_bytes(draw_power(curve, points, given.steps))
    print(
        json.dumps(
            {
                "alpha": SETTINGS.alpha,
                "ribbons": given.ribbons,
                "at_most": int(stats.binom.ppf(0.999, given.ribbons, SETTINGS.alpha)),
                "null": levels,
                "power": dict(curve),
                "pairs": pairs,
                "seconds": round(time.perf_counter() - began),
            }
        )
    )


def _seeds(seed: int, part: int, count: int) -> list[tuple[int, int, int]]:
    return [(seed, part, k) for k in range(count)]


def _null(draw: Draw, closed: bool, seed: Sequence[int]) -> tuple[bool, bool]:
    """Whether a homogeneous ribbon has a border, by our thresholds and by F's p-value corrected for the gaps."""
    rng = np.random.default_rng(seed)
    found = detect_borders(draw(rng), closed, rng, SETTINGS)
    middle = len(SETTINGS.blocks) // 2
    d2 = found.d2_by_block[middle]
    known = d2[np.isfinite(d2)]
    p_of_f = f_of_d2(known, SETTINGS.blocks[middle], FEATURES)[1]
    return len(found.gap) > 0, bool((p_of_f * len(known) < SETTINGS.alpha).any())


def _step(size: float, seed: Sequence[int]) -> tuple[bool, int]:
    rng = np.random.default_rng(seed)
    rows = stepped(strip_rows(rng), size, rng)
    return _found(detect_borders(rows, False, rng, SETTINGS), len(rows))


def _pair(names: tuple[str, str], seed: Sequence[int]) -> tuple[bool, int]:
    rng = np.random.default_rng(seed)
    rows = bordered_rows(names, rng)
    return _found(detect_borders(rows, False, rng, SETTINGS), len(rows))


def _found(borders: DetectedBorders, rows: int) -> tuple[bool, int]:
    """Whether the border in the middle was found within NEAR_MM, and how many others were."""
    near = np.abs(borders.gap - (rows // 2 - 1)) * ROW_MM <= NEAR_MM
    return bool(near.any()), int((~near).sum())


if __name__ == "__main__":
    main()
