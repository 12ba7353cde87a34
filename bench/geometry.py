"""Geodesics and ribbons beside their peers, in one run; the last line is JSON.

python bench/geometry.py                       # fsaverage5, subdivided once
python bench/geometry.py --surfaces DIR        # a folder of GIfTI surfaces
"""

import argparse
import json
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from scipy.sparse.csgraph import dijkstra

from gennari.frames import coronal
from gennari.records import Hemisphere, Section
from gennari.sources.fsaverage import fsaverage5_hemispheres
from gennari.sources.surfaces import read_hemispheres
from gennari.surface.exact import exact_from_vertex
from gennari.surface.geodesic import FAR_MM, GeodesicSolver, calibrate
from gennari.surface.mesh import adjacency
from gennari.surface.ribbon import cut_ribbon


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--surfaces", type=Path, help="folder with hemi-L_pial.surf.gii and so on")
    parser.add_argument("--sources", type=int, default=3, help="exact sources to judge by")
    given = parser.parse_args()
    hemispheres = read_hemispheres(given.surfaces) if given.surfaces else fsaverage5_hemispheres()
    figures = geodesics(hemispheres[0], given.sources) | ribbons(hemispheres)
    print(json.dumps({"geometry": given.surfaces.name if given.surfaces else "fsaverage5", **figures}))


def geodesics(hemisphere: Hemisphere, count: int) -> dict[str, float]:
    """Error against exact distances (MMP) and seconds a source, for sources that calibration did not see."""
    mesh, rng = hemisphere.mid, np.random.default_rng(1)
    calibration = calibrate(mesh, np.random.default_rng(0))
    ours, plain, graph = GeodesicSolver(mesh, calibration), GeodesicSolver(mesh), adjacency(mesh)
    sources = rng.choice(len(mesh.vertices_mm), count, replace=False)
    exact, exact_seconds = _timed(lambda v: exact_from_vertex(mesh, v), sources)
    figures = {"exact_seconds_per_source": exact_seconds}
    methods: dict[str, Callable[[int], np.ndarray]] = {
        "geodesic": ours.from_vertex,
        "heat": plain.from_vertex,
        "edges": lambda v: dijkstra(graph, indices=v),
    }
    for name, method in methods.items():
        found, seconds = _timed(method, sources)
        far = (exact > FAR_MM) & np.isfinite(exact)
        error = np.abs(found[far] - exact[far]) / exact[far]
        near = (exact <= FAR_MM) & (exact > 0)
        figures[f"{name}_mean_error"] = float(error.mean())
        figures[f"{name}_p99_error"] = float(np.percentile(error, 99))
        figures[f"{name}_short_abs_error_mm"] = float(np.abs(found[near] - exact[near]).mean())
        figures[f"{name}_seconds_per_source"] = seconds
        print(f"{name:>9}: mean {error.mean():.2%}, p99 {np.percentile(error, 99):.2%}, {seconds:.3f} s a source")
    return figures


def ribbons(hemispheres: tuple[Hemisphere, Hemisphere]) -> dict[str, float]:
    """Median seconds to cut a section at 64 µm, both hemispheres."""
    points = np.concatenate([h.pial.vertices_mm for h in hemispheres])
    low, high = points.min(axis=0) - 3, points.max(axis=0) + 3
    shape = (int((high[2] - low[2]) * 1e3 / 64), int((high[0] - low[0]) * 1e3 / 64))
    seconds = []
    for number, y in enumerate(np.linspace(low[1] + 10, high[1] - 10, 12)):
        place = coronal(float(y), float(low[0]), float(high[2]))
        section = Section(brain="bench", id=number, spacing_um=64.0, shape_px=shape, to_brain=place)
        began = time.perf_counter()
        cut_ribbon(hemispheres, section, 64.0)
        seconds.append(time.perf_counter() - began)
    print(f"   ribbon: median {np.median(seconds[1:]):.3f} s a section at 64 µm")
    return {"ribbon_seconds": float(np.median(seconds[1:]))}


def _timed(method: Callable[[int], np.ndarray], sources: np.ndarray) -> tuple[np.ndarray, float]:
    began = time.perf_counter()
    found = np.stack([method(int(v)) for v in sources])
    return found, (time.perf_counter() - began) / len(sources)


if __name__ == "__main__":
    main()
