"""Geodesics, pairs, patches, ribbon and inflation beside their peers, in one run; the last line is JSON.

python bench/geometry.py                       # ../shared/data seen from the repository, 7 minutes on two cores
python bench/geometry.py --real-data DIR       # a folder that holds bigbrain/
python bench/geometry.py --surfaces DIR        # any folder of surfaces
python bench/geometry.py --fsaverage           # fsaverage5, subdivided once, which needs no data
python bench/geometry.py --quick               # a tenth of everything; its figures only say that it runs
"""

import argparse
import json
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gennari.execute import Tick, run_tasks
from gennari.frames import coronal
from gennari.pipeline.distances import Measuring, measure_all
from gennari.pipeline.inflated import inflated_figures
from gennari.records import Hemisphere, PairTable, PatchTable, Section, TriangleMesh
from gennari.sampling.pairs import PairSettings, by_source, draw_pairs, summarise_pairs
from gennari.sampling.patches import PatchSettings, sample_patches
from gennari.sources.bigbrain import section_y_mm
from gennari.sources.fsaverage import fsaverage5_hemispheres
from gennari.sources.surfaces import read_hemispheres, read_spheres
from gennari.surface.geodesic import GeodesicSolver
from gennari.surface.inflate import inflate
from gennari.surface.planes import index_planes
from gennari.surface.ribbon import cut_ribbon
from geodesic_peers import Judged, MeshTask, judge_all
from memory import peak_memory

WORKERS = 2
PATCH_UM = 2038.0
"""Side of the paper's patches, 1019 px of 2 µm."""
SPACING_UM = 64.0

Halves = tuple[Hemisphere, Hemisphere]
Spheres = tuple[TriangleMesh, TriangleMesh] | None


@dataclass(frozen=True, kw_only=True)
class Size:
    """How much is measured."""

    sources: int
    patches: int
    section_step: int


FULL = Size(sources=20, patches=200_000, section_step=1)
QUICK = Size(sources=2, patches=20_000, section_step=10)


def main() -> None:
    name, halves, spheres, size = _asked()
    print(f"{name}: {len(halves[0].pial.vertices_mm):,} vertices a hemisphere, {WORKERS} cores", flush=True)
    patches, sampled = patches_of(halves, size)
    figures = sampled | pairs_of(halves, spheres, patches)
    figures |= geodesics(halves, size, int(figures.pop("sources"))) | ribbons(halves) | inflation()
    print(json.dumps({"geometry": name, **{key: figures[key] for key in KEYS}}))


KEYS = (
    "geodesic_mean_error", "geodesic_p99_error", "geodesic_short_abs_error_mm", "seconds_per_source",
    "pairs_200k_seconds", "pairs_peak_rss_gb", "ribbon_seconds", "patches_200k_seconds",
    "inflated_distance_correlation", "hub_exponent",
)  # fmt: skip


def patches_of(halves: Halves, size: Size) -> tuple[PatchTable, dict[str, float]]:
    """Patches of sections 0 to 3000, all in one split."""
    sections = series(halves, range(0, 3001, size.section_step))
    began = time.perf_counter()
    patches = sample_patches(
        sections, halves, {section.id: "train" for section in sections}, PatchSettings(count=size.patches),
        np.random.default_rng(0), patch_um=PATCH_UM, workers=WORKERS, tick=_lines(),
    )  # fmt: skip
    seconds = time.perf_counter() - began
    print(f"patches: {len(patches):,} from {len(sections)} sections in {seconds:.0f} s", flush=True)
    return patches, {"patches_200k_seconds": seconds}


def pairs_of(halves: Halves, spheres: Spheres, patches: PatchTable) -> dict[str, float]:
    """Hub pairs, measured; configuration pairs, drawn and timed on a few of their sources."""
    settings = PairSettings()
    with tempfile.TemporaryDirectory() as folder, peak_memory() as peak:
        began = time.perf_counter()
        drawn = draw_pairs(patches, settings, np.random.default_rng(1))
        how = Measuring(workers=WORKERS)
        pairs = measure_all(halves, patches, *drawn, how, Path(folder) / "distances", _lines()).pairs
        seconds = time.perf_counter() - began
    groups = summarise_pairs(patches, pairs.first, pairs.second, settings)
    sources = sum(group.sources for group in groups.values())
    exponent = sum(group.exponent * group.sources for group in groups.values()) / sources
    print(f"hub pairs: {len(pairs):,} from {sources:,} sources in {seconds:.0f} s with all set-up, peak "
          f"{peak.gb:.2f} GB, exponent of the hubs' degrees {exponent:.2f}", flush=True)  # fmt: skip
    alone = seconds_per_source(halves[0], patches, pairs)
    _configuration(patches, alone)
    _inflated(halves, spheres, patches, pairs)
    return {
        "pairs_200k_seconds": seconds, "pairs_peak_rss_gb": peak.gb, "hub_exponent": exponent, "sources": sources,
        "seconds_per_source": alone,
    }  # fmt: skip


def seconds_per_source(half: Hemisphere, patches: PatchTable, pairs: PairTable, count: int = 50) -> float:
    """From a place inside a face to a hundred others, on one core."""
    solver, here = GeodesicSolver(half.mid), np.flatnonzero(patches.side == 0)
    to = here[:100]
    began = time.perf_counter()
    for row in here[:: max(len(here) // count, 1)][:count]:
        solver.distances(int(patches.face[row]), patches.weights[row], patches.face[to], patches.weights[to])
    return (time.perf_counter() - began) / count


def _configuration(patches: PatchTable, seconds: float) -> None:
    began = time.perf_counter()
    first, second = draw_pairs(patches, PairSettings(degrees="configuration"), np.random.default_rng(1))
    drawing = time.perf_counter() - began
    sources = len(np.unique(by_source(first, second, len(patches))[0]))
    print(f"configuration pairs: {len(first):,} drawn in {drawing:.1f} s, {sources:,} sources: about "
          f"{sources * seconds / WORKERS / 60:.0f} minutes (extrapolated from {seconds:.3f} s a source on one core)",
          flush=True)  # fmt: skip


def _inflated(halves: Halves, spheres: Spheres, patches: PatchTable, pairs: PairTable) -> None:
    print(f"inflated surface: {json.dumps(inflated_figures(halves, patches, pairs, spheres))}", flush=True)


def geodesics(halves: Halves, size: Size, sources: int) -> dict[str, float]:
    """Errors on each hemisphere; the figures are those of the worse one."""
    tasks = [MeshTask(name=f"hemisphere {h.side}", mesh=h.mid, sources=size.sources) for h in halves]
    print(f"geodesics: {size.sources} exact sources a hemisphere, {6 * size.sources // 60 + 1} minutes", flush=True)
    found = run_tasks(judge_all, tasks, workers=WORKERS, tick=_lines(), stage="geodesics", name=lambda task: task.name)
    print(f"{'':>20}  mean error  p99 error  below 5 mm  s a source  all pairs, {sources:,} sources, two cores")
    for sides in zip(*found, strict=True):
        print(_row(sides, sources))
    ours = [_figures(judged[0]) for judged in found]
    return {key: max(side[key] for side in ours) for key in ours[0]}


def _row(sides: tuple[Judged, ...], sources: int) -> str:
    worst = {key: max(_figures(side)[key] for side in sides) for key in _figures(sides[0])}
    seconds = float(np.mean([side.seconds_per_source for side in sides]))
    whole = sides[0].set_up_seconds + sources * seconds / WORKERS
    mean, p99, short = worst.values()
    name = f"{sides[0].method:>20}"
    return f"{name}  {mean:10.2%}  {p99:9.2%}  {short:7.3f} mm  {seconds:10.3f}  ~{whole:.0f} s (extrapolated)"


def _figures(judged: Judged) -> dict[str, float]:
    return {
        "geodesic_mean_error": float(judged.errors.mean()),
        "geodesic_p99_error": float(np.percentile(judged.errors, 99)),
        "geodesic_short_abs_error_mm": float(judged.short_mm.mean()),
    }


def ribbons(halves: Halves) -> dict[str, float]:
    """Median seconds to cut a section at 64 µm, both hemispheres, one core; every 50th section."""
    sections = series(halves, range(0, 7404, 50))
    began = time.perf_counter()
    index = index_planes(halves, sections[0])
    made = time.perf_counter() - began
    seconds = []
    for section in sections:
        began = time.perf_counter()
        cut = cut_ribbon(halves, section, SPACING_UM, index).cortex.any()
        seconds += [time.perf_counter() - began] if cut else []
    print(f"ribbon: median {np.median(seconds):.3f} s, worst {max(seconds):.3f} s a section at 64 µm over "
          f"{len(seconds)} sections, one core; the index took {made:.2f} s once", flush=True)  # fmt: skip
    return {"ribbon_seconds": float(np.median(seconds))}


def inflation() -> dict[str, float]:
    """Correlation of distances between vertices on our inflated fsaverage5 and on the bundled one; the lower side."""
    rng, found = np.random.default_rng(0), []
    for half in fsaverage5_hemispheres(0):
        one, other = rng.integers(0, len(half.pial.vertices_mm), (2, 100_000))
        meshes = (inflate(half.mid), half.inflated)
        far = [np.linalg.norm(mesh.vertices_mm[one] - mesh.vertices_mm[other], axis=1) for mesh in meshes]
        found.append(float(np.corrcoef(*far)[0, 1]))
    print(f"inflation: distances correlate with those on the bundled surface of fsaverage5 at {found}", flush=True)
    return {"inflated_distance_correlation": min(found)}


def series(halves: Halves, ids: range) -> list[Section]:
    """Coronal sections as BigBrain numbers them, where they meet the brain."""
    points = np.concatenate([half.pial.vertices_mm for half in halves])
    low, high = points.min(axis=0) - 3, points.max(axis=0) + 3
    shape = (int((high[2] - low[2]) * 1e3 / SPACING_UM) + 1, int((high[0] - low[0]) * 1e3 / SPACING_UM) + 1)
    return [
        Section(brain="bench", id=i, spacing_um=SPACING_UM, shape_px=shape,
                to_brain=coronal(section_y_mm(i), float(low[0]), float(high[2])))
        for i in ids if low[1] < section_y_mm(i) < high[1]
    ]  # fmt: skip


def _lines():
    """Progress as a line every quarter of a minute."""
    last = {}

    def tick(at: Tick) -> None:
        if at.done == at.total or time.monotonic() - last.get(at.stage, -1e9) > 15:
            last[at.stage] = time.monotonic()
            print(f"  {at.stage} {at.done}/{at.total} {at.note}", flush=True)

    return tick


def _asked() -> tuple[str, Halves, Spheres, Size]:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    beside = Path(__file__).resolve().parents[1] / ".." / "shared" / "data"
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--real-data", type=Path, default=beside, help="folder that holds bigbrain/")
    where.add_argument("--surfaces", type=Path, help="folder with hemi-L_pial.surf.gii and so on")
    where.add_argument("--fsaverage", action="store_true", help="the bundled fsaverage5, subdivided once")
    parser.add_argument("--quick", action="store_true", help="a tenth of everything")
    given = parser.parse_args()
    size = QUICK if given.quick else FULL
    if given.fsaverage:
        return "fsaverage5", fsaverage5_hemispheres(), None, size
    folder = given.surfaces or given.real_data / "bigbrain"
    return folder.resolve().name, read_hemispheres(folder, not given.surfaces), read_spheres(folder), size


if __name__ == "__main__":
    main()
