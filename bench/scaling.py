"""Whole series on one and two workers, local and Dask's, and on 10 and 200 sections; the last line is JSON.

python bench/scaling.py            # half an hour on two quiet cores
python bench/scaling.py --quick    # its figures only say that it runs

What is run is the engine of `gennari segment` with the model that ships with gennari, on sections of 1024 x 1024 px,
all tissue, with surfaces and atlas: claims, hashes, prior, network, map, receipt. Every worker has one thread.

Efficiency is the time of one local worker over twice that of two, start of the workers included; each round runs all
three ways, each round in another order, and the median over rounds is told. `slowdown` is what a section itself takes
longer beside another one (receipts), which no engine can help. Growth compares seconds a section in data sets of 10 and
of 200, in one process without any start: it shows what is done again for each section of a series.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1", MKL_NUM_THREADS="1", NUMBA_NUM_THREADS="1")

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from scipy.ndimage import gaussian_filter

from gennari.execute import silent
from gennari.frames import coronal
from gennari.phantom.layers import LABEL_SET
from gennari.pipeline.digests import code_digest
from gennari.pipeline.executors import HERE, ExecutorChoice
from gennari.pipeline.maps import MODEL, map_path, segment_section
from gennari.pipeline.models import create_model_run, shipped_model
from gennari.pipeline.section_inputs import section_inputs
from gennari.pipeline.section_tasks import Spread, run_sections
from gennari.pipeline.stages import Run, open_run
from gennari.pipeline.task_records import RECEIPT, SectionTask, SectionWork, TaskReceipt
from gennari.records import Section
from gennari.sources.atlas import write_atlas
from gennari.sources.dataset import brain_folder, write_brain_manifest, write_dataset_manifest, write_section
from gennari.sources.documents import read_json
from gennari.sources.fsaverage import fsaverage5_hemispheres
from gennari.sources.manifests import BrainManifest, DatasetManifest, LabelSetEntry, SectionEntry
from gennari.sources.surfaces import write_hemispheres
from memory import own_peak_gb

BRAIN, SIDE_PX, SPACING_UM = "S", 1024, 32.0
IMAGES = 8
"""Different ones; sections share them."""
WAYS: Mapping[str, ExecutorChoice] = {
    "1_local": ExecutorChoice(kind="local", count=1),
    "2_local": ExecutorChoice(kind="local", count=2),
    "2_dask": ExecutorChoice(kind="dask", count=2),
}
SHORT, LONG = 10, 200


def write_images(root: Path) -> list[SectionEntry]:
    """Sections that are all tissue, 0.25 mm apart, through the back of the left hemisphere."""
    entries = []
    for number in range(IMAGES):
        noise = gaussian_filter(np.random.default_rng(number).normal(size=(SIDE_PX, SIDE_PX)), 2)
        image = np.clip(150 + 50 * noise / noise.std(), 0, 254).astype(np.uint8)
        entries.append(write_section(root, section_of(number), image))
    return entries


def section_of(number: int) -> Section:
    """One of the series."""
    plane = coronal(y_mm=-95.0 + 0.25 * number, left_mm=-35.0, top_mm=20.0)
    return Section(brain=BRAIN, id=number, spacing_um=SPACING_UM, shape_px=(SIDE_PX, SIDE_PX), to_brain=plane)


def write_series(root: Path, images: Path, count: int) -> Path:
    """A data set of so many sections, whose images stand in another one."""
    folder = brain_folder(root, BRAIN)
    hemispheres = fsaverage5_hemispheres(1)
    write_hemispheres(folder / "surfaces", hemispheres)
    rng = np.random.default_rng(0)
    atlas = [rng.dirichlet(np.ones(len(LABEL_SET.areas)), len(h.medial_wall)).astype(np.float32) for h in hemispheres]
    write_atlas(folder / "atlas", atlas, LABEL_SET)
    stored = [brain_folder(images, BRAIN) / f"sections/{number:04d}.ome.zarr" for number in range(IMAGES)]
    entries = tuple(SectionEntry.of(section_of(n), str(stored[n % IMAGES].absolute())) for n in range(count))
    manifest = BrainManifest(name=BRAIN, role="labelled", sections=entries, geometry="fsaverage5", atlas=True)
    write_brain_manifest(root, manifest)
    classes = LabelSetEntry.of(LABEL_SET)
    write_dataset_manifest(root, DatasetManifest(name="series", licence="none", label_set=classes, brains=(BRAIN,)))
    return root


def on_one_thread(root: Path, brain: str, section: int, threads: int) -> list[Path]:
    """What `gennari segment` does of one section, and the peak memory of the process so far."""
    del threads
    torch.set_num_threads(1)
    made = segment_section(root, brain, section, False)
    note = memory_path(root, brain, section)
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(json.dumps({"process": os.getpid(), "peak_gb": own_peak_gb()}))
    return [*made, note]


def memory_path(root: Path, brain: str, section: int) -> Path:
    """Where a section's process says how much memory it took."""
    return root / "memory" / brain / f"{section:04d}.json"


def run_series(dataset: Path, root: Path, choice: ExecutorChoice, count: int) -> float:
    """Segment the first so many sections in a new run; returns seconds."""
    run = create_model_run(root, dataset, shipped_model())
    tasks = [_task(run, section) for section in run.dataset.brain(BRAIN).sections[:count]]
    rooms = ("apply", "data", "nets")
    began = time.perf_counter()
    work = SectionWork(
        stage="segment", root=root.absolute(), function=partial(on_one_thread, root.absolute()),
        inputs=section_inputs(run), rooms=rooms, code=code_digest(rooms),
    )  # fmt: skip
    if not run_sections(work, tasks, Spread(executor=choice), silent):
        raise RuntimeError("a series must be finished when its call returns")
    return time.perf_counter() - began


def _task(run: Run, section: Section) -> SectionTask:
    paths = (map_path(run, MODEL, BRAIN, section.id), memory_path(run.root, BRAIN, section.id))
    return SectionTask(
        brain=BRAIN, section=section.id, outputs=tuple(str(path.relative_to(run.root)) for path in paths)
    )


def section_seconds(root: Path) -> float:
    """Median of a run's receipts."""
    folder = open_run(root).path("tasks", "segment", BRAIN)
    return statistics.median(read_json(path, TaskReceipt).seconds for path in folder.glob(f"[0-9]*{RECEIPT}"))


def worker_gb(root: Path) -> float:
    """Peak memory of the run's largest worker."""
    return max(json.loads(path.read_text())["peak_gb"] for path in (root / "memory").rglob("*.json"))


def efficiencies(dataset: Path, folder: Path, count: int, rounds: int) -> dict[str, float]:
    """One and two workers in interleaved rounds."""
    seconds: dict[str, list[float]] = {way: [] for way in WAYS}
    alone: dict[str, list[float]] = {way: [] for way in WAYS}
    memory: dict[str, float] = {}
    for index in range(rounds):
        order = list(WAYS)[index % len(WAYS) :] + list(WAYS)[: index % len(WAYS)]
        for way in order:
            root = folder / f"{way}_{index}"
            seconds[way].append(run_series(dataset, root, WAYS[way], count))
            alone[way].append(section_seconds(root))
            memory[way] = max(memory.get(way, 0.0), worker_gb(root))
        print(f"round {index + 1}: " + ", ".join(f"{way} {seconds[way][-1]:.1f} s" for way in WAYS), flush=True)
    found: dict[str, float] = {"seconds_1_local": statistics.median(seconds["1_local"])}
    for way in ("2_local", "2_dask"):
        ratios = [one / (2 * two) for one, two in zip(seconds["1_local"], seconds[way], strict=True)]
        slower = [two / one for one, two in zip(alone["1_local"], alone[way], strict=True)]
        found |= {f"efficiency_{way}": statistics.median(ratios), f"slowdown_{way}": statistics.median(slower)}
        found |= {f"efficiency_{way}_lowest": min(ratios), f"efficiency_{way}_highest": max(ratios)}
    return found | {f"rss_gb_{way}": peak for way, peak in memory.items()}


def growth(short: Path, long: Path, folder: Path, counts: Sequence[int], rounds: int) -> dict[str, float]:
    """Seconds a section in a short and in a long series, in this process, in interleaved pairs."""
    run_series(short, folder / "warm", HERE, 2)  # what is compiled and loaded once is nobody's cost
    pairs = []
    for index in range(rounds):
        pair = [
            run_series(dataset, folder / f"of_{count}_{index}", HERE, count) / count
            for dataset, count in zip((short, long), counts, strict=True)
        ]
        print(f"pair {index + 1}: {pair[0]:.3f} and {pair[1]:.3f} s a section", flush=True)
        pairs.append(pair)
    return {
        f"cost_growth_{counts[0]}_to_{counts[1]}": statistics.median(second / first - 1 for first, second in pairs),
        **{f"seconds_a_section_of_{count}": statistics.median(p[n] for p in pairs) for n, count in enumerate(counts)},
    }


def main(quick: bool, rounds: int, sections: int) -> None:
    counts = (4, 8) if quick else (SHORT, LONG)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_images(folder / "images")
        short, long = (write_series(folder / f"series_{n}", folder / "images", n) for n in counts)
        middle = write_series(folder / "series", folder / "images", sections)
        found = efficiencies(middle, folder, sections, rounds)
        found |= growth(short, long, folder, counts, min(rounds, 3))
    figures = {key: round(value, 4) for key, value in found.items()}
    print(json.dumps({"quick": quick, "rounds": rounds, "sections": sections, "side_px": SIDE_PX, **figures}))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--sections", type=int, default=100, help="of the series that workers share")
    arguments = parser.parse_args()
    if arguments.quick:
        main(True, 1, 4)
    else:
        main(False, arguments.rounds, arguments.sections)
