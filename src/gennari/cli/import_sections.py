"""`gennari import sections`: index section images where they stand."""

from collections.abc import Sequence
from pathlib import Path

from gennari.cli.progress import progress
from gennari.pipeline.importing import import_sections
from gennari.records import Quality
from gennari.sources.manifests import Role, SectionEntry
from gennari.sources.placement import Placement
from gennari.sources.section_files import parse_ids


def sections(
    location: str,
    *,
    brain: str,
    dataset: Path = Path("dataset"),
    role: Role = "labelled",
    ids: str | None = None,
    id_pattern: str | None = None,
    spacing_um: float | None = None,
    affine: str | None = None,
    y0_mm: float | None = None,
    y_step_mm: float | None = None,
    left_mm: float | None = None,
    top_mm: float | None = None,
    quality: Quality = "good",
    licence: str | None = None,
    areas: Path | None = None,
) -> None:
    r"""Index section images as a brain's; they stay where they are and are read when they are needed.

    BigBrain's pmNNNNo.png, pmNNNNo.mnc and B20_NNNN.tif (with B20_NNNN_affine.json) need no further word. Others need
    a pixel size, if their header has none, and a place: NAME_affine.json beside the image, --affine, or the four
    numbers --y0-mm, --y-step-mm, --left-mm and --top-mm of coronal sections.

    Args:
        location: a folder, an image, or a URL (precomputed://https://..., https://.../x.ome.zarr); with {id:04d} in it,
            one for each of --ids.
        brain: whose sections they are; made if it is not there.
        dataset: folder of the data set; made if it is not there.
        role: labelled, or pretext for a brain that is only pre-trained on.
        ids: keep these numbers only, such as 100,200-300.
        id_pattern: regular expression whose group is the section's number, such as 'slice_(\d+)'.
        spacing_um: pixel size of the finest level.
        affine: JSON file with a 4 x 4 matrix from pixels to mm; {id:04d} in it stands for the number.
        y0_mm: the plane of section ID is y = y0 + y_step ID (BigBrain: -70.02 and 0.02).
        y_step_mm: see y0_mm.
        left_mm: x of the images' left edge.
        top_mm: z of the images' upper edge.
        quality: rating of these sections: excellent, good, fair or poor.
        licence: terms of the images.
        areas: table (CSV: name,colour) of the areas of a new data set; thirteen visual areas of Julich-Brain if left
            out. Background, white matter and other cortex are always there.
    """
    placement = Placement(
        spacing_um=spacing_um, affine=affine, y0_mm=y0_mm, y_step_mm=y_step_mm, left_mm=left_mm, top_mm=top_mm
    )
    with progress() as tick:
        entries = import_sections(
            location, dataset, brain, tick,
            role=role, placement=placement, id_pattern=id_pattern, ids=parse_ids(ids), quality=quality,
            licence=licence, areas=areas,
        )  # fmt: skip
    print(_summary(entries, brain, dataset))


def _summary(entries: Sequence[SectionEntry], brain: str, dataset: Path) -> str:
    numbers, sizes = [entry.id for entry in entries], sorted({entry.spacing_um for entry in entries})
    return (
        f"{len(entries)} section(s) of {brain}, {min(numbers)} to {max(numbers)}, at "
        f"{' and '.join(f'{size:g}' for size in sizes)} µm, are in {dataset}; the images stay where they are"
    )
