"""`gennari export`: maps, surfaces and models in the forms that other programs open, each kind a stage of its own."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal, get_args

from gennari.errors import InputError
from gennari.execute import Report
from gennari.pipeline.context_maps import ENDING
from gennari.pipeline.context_maps import STAGE as CONTEXT
from gennari.pipeline.export_model import write_model
from gennari.pipeline.export_sections import write_geojson, write_neuroglancer, write_sections, write_siibra
from gennari.pipeline.export_surface import write_surfaces
from gennari.pipeline.learning import VARIANTS
from gennari.pipeline.maps import MODEL, PROBABILITIES, mapped_sections
from gennari.pipeline.stages import Run, is_finished, run_stage
from gennari.sources.atomic import atomic_path, write_text
from gennari.sources.viewer_files import BIGBRAIN_SPACE

Kind = Literal["sections", "geojson", "neuroglancer", "siibra", "surface", "model"]
KINDS: tuple[Kind, ...] = get_args(Kind)
Variant = Literal["pretrained", "baseline", "model", "pretrained-context", "baseline-context", "model-context"]
SERVED = "http://127.0.0.1:9000"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is to be exported.

    Attributes:
        kinds: None: all that this run and its brains can give.
        variant: whose maps; None: those of the pre-trained network, or of the finished model that segmented the run.
        base_url: where RUN/export/<variant> will be served; it stands in what neuroglancer and siibra read.
        siibra_space: id of the reference space that the brains lie in; None: BigBrain's, for brains whose index says
            that they stand on BigBrain's surfaces.
        fill_mm: how far along the surface vertices between sections take the nearest one's class.
    """

    kinds: tuple[Kind, ...] | None = None
    variant: Variant | None = None
    base_url: str = SERVED
    siibra_space: str | None = None
    fill_mm: float = 3.0


def export_stages(run: Run, wanted: Wanted, tick: Report) -> list[Path]:
    """Write RUN/export/<variant>/<kind>/ for each kind that is wanted and not finished yet.

    Returns:
        The folders, finished before or now.

    Raises:
        InputError: there are no maps, a kind cannot be had from this run, or a folder is there without a receipt.
    """
    variant = wanted.variant or _variant(run)
    brains = tuple(mapped_sections(run, variant))
    spaces = _spaces(run, brains, wanted)
    kinds: Sequence[Kind] = wanted.kinds or _possible(run, variant, spaces)
    _check(run, variant, kinds, brains, spaces)
    works: Mapping[Kind, Callable[[Path], object]] = {
        "sections": partial(write_sections, run, variant, tick=tick),
        "geojson": partial(write_geojson, run, variant, tick=tick),
        "neuroglancer": partial(write_neuroglancer, run, variant, base_url=wanted.base_url, tick=tick),
        "siibra": partial(write_siibra, run, variant, base_url=wanted.base_url, spaces=spaces, tick=tick),
        "surface": partial(write_surfaces, run, variant, fill_mm=wanted.fill_mm, tick=tick),
        "model": partial(write_model, run, variant, tick=tick),
    }
    options: Mapping[Kind, object] = {
        "neuroglancer": wanted.base_url,
        "siibra": (wanted.base_url, spaces),
        "surface": wanted.fill_mm,
    }
    folders = []
    in_order: list[Kind] = [kind for kind in KINDS if kind in kinds]
    for kind in in_order:
        folder = export_path(run, variant, kind)
        work = partial(_whole, folder, works[kind])
        said = str(options.get(kind, ""))
        run_stage(run, f"export-{kind}-{variant}", _after(run, kind, variant), work, tick, options=said)
        folders.append(folder)
    _write_guide(run, variant)
    return folders


def export_path(run: Run, variant: str, *parts: str) -> Path:
    """A path in what was exported of one variant."""
    return run.path("export", variant, *parts)


def _variant(run: Run) -> Variant:
    return "model" if mapped_sections(run, MODEL) else "pretrained"


def _after(run: Run, kind: Kind, variant: str) -> tuple[str, ...]:
    if kind == "model":
        return (f"finetune-{variant}",)
    maps = ("segment", PROBABILITIES) if is_finished(run, PROBABILITIES) else ("segment",)
    maps = (*maps, CONTEXT) if variant.endswith(ENDING) else maps
    return (*maps, f"export-neuroglancer-{variant}") if kind == "siibra" else maps  # it describes those volumes


def _possible(run: Run, variant: str, spaces: Mapping[str, str]) -> tuple[Kind, ...]:
    """Kinds that need nothing but what is there: siibra needs a space, a model one that was trained here."""
    without: set[Kind] = set() if spaces else {"siibra"}
    if variant not in VARIANTS:
        without.add("model")
    if not any(run.dataset.brain(name).surfaces_folder.is_dir() for name in mapped_sections(run, variant)):
        without.add("surface")
    return tuple(kind for kind in KINDS if kind not in without)


def _spaces(run: Run, brains: Sequence[str], wanted: Wanted) -> Mapping[str, str]:
    """The siibra space of each brain that has one."""
    if wanted.siibra_space:
        return dict.fromkeys(brains, wanted.siibra_space)
    return {name: BIGBRAIN_SPACE for name in brains if run.dataset.brain(name).manifest.geometry == "bigbrain"}


def _check(run: Run, variant: str, kinds: Sequence[Kind], brains: Sequence[str], spaces: Mapping[str, str]) -> None:
    if "model" in kinds and variant not in VARIANTS:
        raise InputError(
            f"a model is exported from the run that trained it, but {run.root} only used one; copy that one's folder"
        )
    if "siibra" in kinds and not spaces:
        raise InputError(
            f"siibra shows sections in a reference space it knows, but {', '.join(brains)} of "
            f"{run.dataset.manifest.name} lie in none; name it with --siibra-space, or leave siibra out"
        )
    if not brains and set(kinds) - {"model"}:
        raise InputError(
            f"maps are exported, but {run.root} has none of variant '{variant}'; run `gennari segment` first, "
            "or name another --variant"
        )


def _whole(folder: Path, write: Callable[[Path], object]) -> list[Path]:
    """Write a folder that is there as a whole or not at all, and never over another one."""
    if folder.exists():
        raise InputError(f"an export is written to a new folder, but {folder} is there already; move it away")
    with atomic_path(folder) as made:
        made.mkdir()
        write(made)
        names = sorted(path.relative_to(made) for path in made.rglob("*") if _is_entry(path))
    return [folder / name for name in names]


def _is_entry(path: Path) -> bool:
    """Files outside image folders, and these folders themselves: what a receipt names."""
    inside = any(parent.suffix == ".zarr" or (parent / "info").is_file() for parent in path.parents)
    return not inside and (path.is_file() or path.suffix == ".zarr" or (path / "info").is_file())


def _write_guide(run: Run, variant: str) -> None:
    path = export_path(run, variant, "README.md")
    if not path.exists():
        write_text(path, _GUIDE.format(licence=run.dataset.manifest.licence, run=run.root.name, variant=variant))


_GUIDE = """# What was exported, and what opens it

Maps of run `{run}`, variant `{variant}`, by `gennari export`. Licence of the data they are made from: {licence}

| folder | what | opens in |
|---|---|---|
| `sections/` | a section at the map's pixel size as OME-Zarr 0.5, with `labels/areas`; beside it, if kept, the \
probabilities (c, y, x), 255 is certain | napari, Fiji, QuPath |
| `geojson/` | outlines in pixels of the section's finest image; not annotated means nothing is said | QuPath \
(drag the file onto the image) |
| `neuroglancer/` | precomputed image and segmentation with names, and `state.json` | neuroglancer: \
`https://neuroglancer-demo.appspot.com/#!<address of state.json>` |
| `siibra/` | section descriptions | `siibra.from_json`, siibra-explorer |
| `surface/` | `.label.gii` and `.annot`; `-filled` ones bridge the gaps between sections; `probability.func.gii` has \
the share of each class and the coverage (votes in pixels of cortex, 0: filled or unknown) | Connectome Workbench, \
FreeSurfer, nibabel |
| `model/` | weights, config, model card, and programs of `torch.export` | `gennari segment --model`, torch |

neuroglancer and siibra read over http: serve this folder at the address that was given with `--base-url` by any server
that allows cross-origin requests.
"""
