"""What the paper's run and a whole brain take on 1, 8 and 64 units, from measured unit costs; the last line is JSON.

python bench/series_costs.py docs/costs/core.json            # a unit is a CPU core
python bench/series_costs.py docs/costs/gpu.json             # a unit is a GPU; what is null was not measured
python bench/series_costs.py docs/costs/gpu.json --tile-px 4096

It measures nothing: the file says what one unit does a second, and where each figure comes from.
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, PositiveFloat, PositiveInt

from gennari.apply.tiles import tile_spans, usual_tile_px
from gennari.recipes.paper import PAPER_2018
from gennari.sources.documents import read_json

UNITS = (1, 8, 64)
PATCHES_A_PAIR = 2


class Costs(BaseModel):
    """Unit costs of a machine; null where nobody measured it.

    Attributes:
        unit: what a unit is, in a word.
        sources: where each figure comes from, for whoever reads the table.
        pretrain_images_per_s: patches of the paper's side that a unit trains on.
        finetune_windows_per_s: windows of the paper's side that a unit trains on.
        forward_mpx_per_s: input pixels of tiles, rims counted, that a unit passes through the paper's U-Net.
        read_mpx_per_s: pixels that a core reads and decodes of a section's image.
        section_s: what a section costs a unit beside its pixels (surfaces, ribbon, prior, receipts).
        training_efficiency: of n units that train together; null counts as 1, and the table says so.
        section_efficiency: of units that segment side by side.
        pack_patches_per_s: patches of the paper's side that a core packs.
        sampling_core_s: patches, pairs and distances of the paper's run, in seconds of one core.
        image_bytes_per_px: that stained tissue takes on the disk; glass takes none.
        map_bytes_per_px: that a map takes, an output pixel.
        share_bytes_per_px: that the probabilities of all classes take, an output pixel.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit: str
    sources: dict[str, str]
    pretrain_images_per_s: PositiveFloat | None
    finetune_windows_per_s: PositiveFloat | None
    forward_mpx_per_s: PositiveFloat | None
    read_mpx_per_s: PositiveFloat | None
    section_s: PositiveFloat | None
    training_efficiency: PositiveFloat | None
    section_efficiency: PositiveFloat | None
    pack_patches_per_s: PositiveFloat | None
    sampling_core_s: PositiveFloat | None
    image_bytes_per_px: PositiveFloat | None
    map_bytes_per_px: PositiveFloat | None
    share_bytes_per_px: PositiveFloat | None


class Series(BaseModel):
    """Sections of one size at the paper's 2 µm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sections: PositiveInt
    shape_px: tuple[PositiveInt, PositiveInt]
    tissue_share: PositiveFloat

    @property
    def tissue_mpx(self) -> float:
        """Pixels that show tissue, all sections together."""
        return self.sections * self.shape_px[0] * self.shape_px[1] * self.tissue_share / 1e6


# 120,000 x 80,000 px at 1 µm; half of it tissue: the volume inside BigBrain's pial surfaces (664 cm³) is 0.47 of
# 7404 sections of 20 µm, and cerebellum and brainstem come on top
WHOLE_BRAIN = Series(sections=7404, shape_px=(40_000, 60_000), tissue_share=0.5)
ANNOTATED = Series(sections=111, shape_px=(40_000, 60_000), tissue_share=0.5)


class Row(NamedTuple):
    """One line of the table: amounts for each number of units, NaN-free; None where a cost is missing."""

    what: str
    amounts: tuple[float | None, ...]
    unit: str


def tile_overhead(tile_px: int) -> float:
    """Input pixels that tiles read for each pixel of a large section, rims included."""
    side = WHOLE_BRAIN.shape_px[0]
    spans = tile_spans(PAPER_2018.texture, side, tile_px)
    return (sum(span.image.stop - span.image.start for span in spans) / side) ** 2


def over(amount: float | None, rate: float | None) -> float | None:
    """Amount a rate; None where either is not known."""
    return None if amount is None or rate is None else amount / rate


def training_rows(costs: Costs, units: Sequence[int]) -> list[Row]:
    """Hours of the paper's two trainings; a step's batch bounds how many units can share it."""
    recipe = PAPER_2018
    images = PATCHES_A_PAIR * recipe.patches.count * recipe.pretrain.epochs
    windows = recipe.finetune.batch * sum(phase.steps for phase in recipe.finetune.phases)
    rows = []
    for what, amount, rate, most in (
        (f"pre-training, {images / 1e6:.1f} M patches", images, costs.pretrain_images_per_s, recipe.pretrain.batch),
        (f"fine-tuning, {windows / 1e6:.2f} M windows", windows, costs.finetune_windows_per_s, recipe.finetune.batch),
    ):
        alone = over(amount / 3600, rate)
        rows.append(Row(what, tuple(over(alone, _together(n, most, costs.training_efficiency)) for n in units), "h"))
    return rows


def _together(units: int, most: int, efficiency: float | None) -> float:
    used = min(units, most)
    return used * (efficiency or 1.0) if used > 1 else 1.0


def series_rows(costs: Costs, series: Series, units: Sequence[int], tile_px: int, name: str) -> list[Row]:
    """Hours of units, cores that read for each of them, and bytes a second, for maps of a series."""
    overhead = tile_overhead(tile_px)
    forward = over(series.tissue_mpx * overhead, costs.forward_mpx_per_s)
    beside = None if costs.section_s is None else costs.section_s * series.sections
    alone = None if forward is None or beside is None else (forward + beside) / 3600
    # every chunk is decoded once to find tissue and again for each tile that reaches into it
    reading = over(series.tissue_mpx * (1 + overhead), costs.read_mpx_per_s)
    cores = None if reading is None or alone is None else reading / (alone * 3600)
    read_bytes = None if costs.image_bytes_per_px is None else costs.image_bytes_per_px * (1 + overhead)
    rate = None if read_bytes is None or alone is None else series.tissue_mpx * read_bytes / (alone * 3600)
    shared = [n * (costs.section_efficiency or 1.0) if n > 1 else 1.0 for n in units]
    return [
        Row(f"maps of {name}", tuple(over(alone, n) for n in shared), "h"),
        Row(f"cores that read for {name}", tuple(None if cores is None else cores * n for n in shared), "cores"),
        Row(f"read from the disk for {name}", tuple(None if rate is None else rate * n for n in shared), "MB/s"),
    ]


def once_rows(costs: Costs) -> list[Row]:
    """What needs cores and no network."""
    packing = over(PAPER_2018.patches.count, costs.pack_patches_per_s)
    return [
        Row("sampling, pairs and distances, once", (over(costs.sampling_core_s, 3600),), "core h"),
        Row("packing 200,000 patches, once", (over(packing, 3600),), "core h"),
    ]


def disk_rows(costs: Costs, series: Series) -> list[Row]:
    """Bytes of patches, of a series and of its maps."""
    config = PAPER_2018.texture
    patches = PAPER_2018.patches.count * config.patch_px**2 / 1e6
    outputs = series.tissue_mpx / config.output_stride_px**2
    rows = (
        ("pack of 200,000 patches", patches, costs.image_bytes_per_px),
        ("images at 2 µm, coarser levels included", series.tissue_mpx * 4 / 3, costs.image_bytes_per_px),
        ("maps at 4 µm", outputs, costs.map_bytes_per_px),
        ("probabilities, if they are kept", outputs, costs.share_bytes_per_px),
    )
    return [Row(what, (None if each is None else mpx * each / 1e6,), "TB") for what, mpx, each in rows]


def table(costs: Costs, tile_px: int, units: Sequence[int] = UNITS) -> str:
    """Markdown."""
    heads = [f"{n} {costs.unit}{'s' if n > 1 else ''}" for n in units]
    lines = [f"| | {' | '.join(heads)} |", "|---" * (len(units) + 1) + "|"]
    rows = training_rows(costs, units)
    rows += series_rows(costs, ANNOTATED, units, tile_px, "the 111 sections")
    rows += series_rows(costs, WHOLE_BRAIN, units, tile_px, "all 7404 sections")
    lines += [f"| {row.what} | {' | '.join(words(amount, row.unit) for amount in row.amounts)} |" for row in rows]
    lines += ["", "| whatever the number of units | |", "|---|---|"]
    lines += [f"| {row.what} | {words(row.amounts[0], row.unit)} |" for row in once_rows(costs)]
    lines += [f"| {row.what} | {words(row.amounts[0], row.unit)} |" for row in disk_rows(costs, WHOLE_BRAIN)]
    lines.append("")
    lines.append(f"Tiles of {tile_px} px read {tile_overhead(tile_px):.2f} px for each px of a section.")
    if costs.training_efficiency is None:
        lines.append("Units that train together are taken to share the work without loss: nobody measured it.")
    return "\n".join(lines)


def words(amount: float | None, unit: str) -> str:
    """Three digits; days from 100 hours on."""
    if amount is None:
        return "not measured"
    if unit.endswith("h") and amount >= 100:
        return f"{amount / 24:.3g} {unit.removesuffix('h')}days"
    return f"{amount:.3g} {unit}"


def figures(costs: Costs, tile_px: int) -> dict[str, object]:
    """The table for scripts."""
    found: dict[str, object] = {"unit": costs.unit, "tile_px": tile_px, "tile_overhead": tile_overhead(tile_px)}
    rows = training_rows(costs, UNITS) + series_rows(costs, WHOLE_BRAIN, UNITS, tile_px, "all 7404 sections")
    return found | {f"{row.what} ({row.unit})": row.amounts for row in rows}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("costs", type=Path)
    usual_px = usual_tile_px(PAPER_2018.texture)
    parser.add_argument("--tile-px", type=int, default=usual_px, help="input side of a tile, its rim included")
    arguments = parser.parse_args()
    given = read_json(arguments.costs, Costs)
    print(table(given, arguments.tile_px), end="\n\n")
    print(json.dumps(figures(given, arguments.tile_px)))
