"""Patches a second from the sections and from a pack, by number of loaders; the last line is JSON.

python bench/pack.py            # a minute
python bench/pack.py --quick    # its figures only say that it runs

The sections are synthetic: smoothed noise as grainy as stained tissue, written as the phantom's are (OME-Zarr, zstd).
Patches lie at random and are turned by any angle, as upright ones are. A loader gives normalised batches.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from lightning_fabric import Fabric
from scipy.ndimage import gaussian_filter

from gennari.data.pack import SHARD_IMAGES, open_pack, write_pack
from gennari.data.pair_batches import PairBatch, PairBatches
from gennari.data.patch_images import PatchImages, SectionImages
from gennari.data.pixels import Normalisation
from gennari.data.prefetch import Prefetched
from gennari.execute import run_tasks
from gennari.frames import coronal
from gennari.nets.sizes import PRESETS
from gennari.records import PairTable, PatchTable, Section
from gennari.sources.pyramids import PyramidReader
from gennari.sources.sections import open_section, write_ome_zarr
from gennari.train.pretrain import pretrain
from gennari.train.settings import PretrainSettings

NORMALISATION = Normalisation(mean=0.6, std=0.2)
LOADERS = (0, 1, 2)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Patches of one size, from two sections."""

    side_px: int
    spacing_um: float
    section_px: int
    patches: int
    batch: int

    @property
    def name(self) -> str:
        """For JSON."""
        return f"{self.side_px}_px_{self.spacing_um:g}_um"


CASES = (
    Case(side_px=1019, spacing_um=2.0, section_px=9000, patches=192, batch=8),
    Case(side_px=96, spacing_um=32.0, section_px=2500, patches=4096, batch=64),
)
QUICK = (Case(side_px=96, spacing_um=32.0, section_px=500, patches=256, batch=16),)
# of the branch at 1019 px: seconds a step
WAIT = Case(side_px=1019, spacing_um=2.0, section_px=4500, patches=128, batch=4)
QUICK_WAIT = Case(side_px=635, spacing_um=2.0, section_px=1500, patches=32, batch=2)
WAIT_STEPS, WAIT_ROWS = 12, 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(patch_rates(Path(folder), quick)))


def patch_rates(folder: Path, quick: bool) -> dict[str, object]:
    """Patches a second: written to a pack, and read from both sources by so many loaders."""
    found: dict[str, dict[str, object]] = {}
    for case in QUICK if quick else CASES:
        sections = _section_images(folder / case.name, case)
        began = time.perf_counter()
        pack = _packed(folder / case.name, sections)
        rates: dict[str, object] = {"written": round(len(sections) / (time.perf_counter() - began), 1)}
        stored = sum(file.stat().st_size for file in (folder / case.name).rglob("images/c/*/0/0"))
        print(
            f"{case.name}: one process packs {rates['written']} patches/s, {stored / len(sections) / 1e3:.0f} kB each",
            flush=True,
        )
        for name, source in (("sections", sections), ("pack", pack)):
            rates[name] = {str(n): round(_rate(source, case, n), 1) for n in LOADERS}
            print(f"{case.name}: {name}, patches/s by loaders {rates[name]} (0: the training itself)", flush=True)
        found[case.name] = rates
    return {"patches_per_s": found}


def data_wait(folder: Path, quick: bool) -> dict[str, object]:
    """Share of the time that a training of the branch waits: packed source, one thread, one loader."""
    (rows,) = run_tasks(partial(_train, QUICK_WAIT if quick else WAIT), [folder], workers=2)
    first, later = rows[0], rows[1:]
    found = {"data_wait_share": round(float(np.mean(later)), 4), "data_wait_share_first": round(first, 4)}
    print(f"training waits for data {found['data_wait_share']:.2%} of the time, {first:.0%} in its first steps")
    return found


def _train(case: Case, folder: Path) -> list[float]:
    """Shares by rows of the history; the first has the start of the loader in it. Runs in a process of its own."""
    torch.set_num_threads(1)
    source = _packed(folder, _section_images(folder, case))
    pairs, patches = _pairs(case), _patches(case)
    most = case.batch * WAIT_STEPS
    pairs = PairTable(first=pairs.first[:most], second=pairs.second[:most], distance_mm=pairs.distance_mm[:most])
    settings = PretrainSettings(
        epochs=1, batch=case.batch, log_every=WAIT_STEPS // WAIT_ROWS, loaders=1, distance_scale_mm=10.0, rate=1e-5
    )
    config = PRESETS["s2"].model_copy(update={"patch_px": case.side_px})
    fabric = Fabric(accelerator="cpu", devices=1)
    done = pretrain(
        settings, config, source, patches, pairs, NORMALISATION, folder, lambda tick: None, fabric=fabric
    )  # fmt: skip
    return [row.data_wait_share for row in done.history]


def _rate(source: PatchImages, case: Case, loaders: int) -> float:
    """Patches a second, after the first batch; a batch begins to be made before it is asked for."""
    batches = PairBatches(
        images=source,
        patches=_patches(case),
        pairs=_pairs(case),
        normalisation=NORMALISATION,
        batch=case.batch,
        seed=0,
    )
    steps = min(batches.per_epoch, 4 + 8 * max(1, loaders))
    with Prefetched(partial(_one, batches), steps, loaders) as ahead:
        began, read = 0.0, 0
        for step in range(steps):
            (batch,) = ahead(step)
            if step == 2 * loaders:  # what was ready before the clock ran is not counted
                began, read = time.perf_counter(), 0
            else:
                read += len(batch.rows)
        return read / (time.perf_counter() - began)


def _one(batches: PairBatches, step: int) -> list[PairBatch]:
    return [batches.get(0, step)]


def _packed(folder: Path, images: SectionImages) -> PatchImages:
    write_pack(folder / "patches.zarr", images.parts(SHARD_IMAGES), images.key)
    return open_pack(folder / "patches.zarr", images.key)


def _section_images(folder: Path, case: Case) -> SectionImages:
    sections = []
    for number in (1, 2):
        shape = (case.section_px, case.section_px)
        section = Section(
            brain="S", id=number, spacing_um=case.spacing_um, shape_px=shape, to_brain=coronal(0.0, 0.0, 0.0)
        )
        noise = np.random.default_rng(number).normal(size=shape).astype(np.float32)
        smooth = gaussian_filter(noise, 1.0)
        image = np.clip(170 + 45 * smooth / smooth.std(), 0, 255).astype(np.uint8)
        write_ome_zarr(folder / f"{number}.ome.zarr", image, case.spacing_um)
        sections.append(section)
    opener: Callable[[Section], PyramidReader] = partial(_open, folder)
    return SectionImages(
        patches=_patches(case), sections=sections, open_reader=opener, side_px=case.side_px, spacing_um=case.spacing_um
    )


def _open(folder: Path, section: Section) -> PyramidReader:
    return open_section(folder / f"{section.id}.ome.zarr", section)


def _patches(case: Case) -> PatchTable:
    rng, n = np.random.default_rng(7), case.patches
    margin, reach = case.side_px * case.spacing_um * 0.75, case.section_px * case.spacing_um
    columns: dict[str, np.ndarray] = {name: np.zeros(n) for name in PatchTable.__dataclass_fields__}
    return PatchTable(
        **columns
        | {
            "brain": np.full(n, "S"),
            "section": np.sort(rng.integers(1, 3, n)).astype(np.int32),
            "centre_um": rng.uniform(margin, reach - margin, (n, 2)),
            "inflated_mm": rng.normal(scale=30, size=(n, 3)),
            "rotation_deg": rng.uniform(-180, 180, n),
        }
    )


def _pairs(case: Case) -> PairTable:
    order = np.random.default_rng(8).permutation(case.patches).astype(np.int32)
    return PairTable(first=order, second=np.roll(order, 1), distance_mm=np.full(case.patches, 50.0))


if __name__ == "__main__":
    main()
