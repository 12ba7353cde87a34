"""A phantom in the layout of BigBrain's releases, with their traps: to try imports on look-alikes of the real files."""

from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from gennari.execute import Report, Tick
from gennari.frames import coronal
from gennari.phantom.annotate import partial_labels
from gennari.phantom.atlas import displaced, population_atlas
from gennari.phantom.build import TRUTH_SPACING_UM, claim, true_labels
from gennari.phantom.draw import PhantomSectionReader, as_it_lies, draw_section
from gennari.phantom.geometry import fsaverage_geometry
from gennari.phantom.individual import Geometry, Individual, make_individual
from gennari.phantom.layers import LABEL_SET
from gennari.phantom.observers import two_drawings
from gennari.phantom.settings import PhantomSettings
from gennari.phantom.tiles import Sheet, sheet_of
from gennari.records import Hemisphere, Section, TriangleMesh
from gennari.sources.annotations import from_labels, write_annotation
from gennari.sources.atlas import write_atlas
from gennari.sources.atomic import write_json, write_text
from gennari.sources.bigbrain import (
    PM_SHAPE_PX,
    PM_SPACING_UM,
    SECTIONS_1UM,
    pm_to_brain,
    section_of_y,
    section_y_mm,
)
from gennari.sources.flat_images import write_png
from gennari.sources.gifti import write_surface
from gennari.sources.minc import write_minc
from gennari.sources.mni_obj import write_mni_obj
from gennari.sources.tiff import write_tiff

RELEASE = "BigBrainRelease.2015"
PNG_FOLDER = f"{RELEASE}/2D_Final_Sections/Coronal/Png/Full_Resolution"
MINC_FOLDER = f"{RELEASE}/2D_Final_Sections/Coronal/Minc"
SURFACES = f"{RELEASE}/3D_Surfaces/Apr7_2016"
ALIGNED = "aligned"
ANNOTATIONS, ATLAS = "annotations", "julich-brain"
SCALE, POLE_MM, HEIGHT_MM = 0.78, -64.0, 2.0
"""fsaverage5 is larger than BigBrain, which shrank: it is made as small, and its pole and middle are put there."""
INSIDE_MM = 3.0
"""The first section stands so far inside the occipital pole."""
FINE_PX, FINE_FACTORS = (2048, 3072), (1, 4, 16, 64)
"""Of the image of 1 µm: a piece, since a whole section has 15 Gpx; its pages have 1, 4, 16 and 64 µm."""
_WORDS = {"L": "left", "R": "right"}
_README = """A synthetic brain in the layout of BigBrain's releases, made to try imports on. It is not BigBrain.
Images are synthetic; the surfaces derive from fsaverage5 (FreeSurfer software licence).
"""


def build_release(root: Path, settings: PhantomSettings, tick: Report) -> None:
    """Write a phantom of one brain as BigBrain's releases are laid out; what is finished is kept.

    Sections of the ~20 µm release as PNG, the first also as MINC2; surfaces as MNI .obj, and as GIfTI with x and y
    negated, as the 2016 release has them; one image of 1 µm (a piece of hOc1) as a BigTIFF of four pages with its
    affine. Beside the release, and in forms of their own: what an expert drew in QuPath, and a probabilistic atlas.

    Args:
        root: the folder to write.
        settings: of the phantom; its first brain is made, `spacing_um` is the release's own.
        tick: told how far it is.

    Raises:
        InputError: the folder holds something else.
    """
    plan = settings.brains[0]
    claim(root, {plan.name: "release"}, settings)
    geometry = release_geometry(settings.subdivisions)
    population_seed, brain_seed = np.random.SeedSequence(settings.seed).spawn(2)
    individual = make_individual(plan.name, geometry, settings, brain_seed)
    sections = _sections(individual, settings)
    total = len(sections) + 3
    _write_surfaces(root, individual.hemispheres)
    tick(Tick("release", 1, total, "surfaces"))
    _write_atlas(root, geometry, settings, population_seed)
    tick(Tick("release", 2, total, "atlas"))
    sheet = sheet_of(individual)
    for done, section in enumerate(sections):
        _write_section(root, individual, sheet, section, settings, minc=done == 0)
        tick(Tick("release", 3 + done, total, f"section {section.id}"))
    _write_fine(root, individual, sheet, settings)
    write_text(root / "README.txt", _README)
    tick(Tick("release", total, total))


def release_geometry(subdivisions: int) -> Geometry:
    """fsaverage5 in BigBrain's histological space: as small, the occipital pole at y = -64 mm."""
    geometry = fsaverage_geometry(subdivisions)
    points = np.concatenate([hemisphere.pial.vertices_mm for hemisphere in geometry.hemispheres]) * SCALE
    low, high = points.min(axis=0), points.max(axis=0)
    shift = np.array([0.0, POLE_MM - low[1], HEIGHT_MM - 0.5 * (low[2] + high[2])])

    def moved(mesh: TriangleMesh) -> TriangleMesh:
        return replace(mesh, vertices_mm=mesh.vertices_mm * SCALE + shift)

    left, right = (replace(h, pial=moved(h.pial), white=moved(h.white)) for h in geometry.hemispheres)
    return replace(geometry, name="release", hemispheres=(left, right))


def _sections(individual: Individual, settings: PhantomSettings) -> tuple[Section, ...]:
    """Sections of the ~20 µm release, evenly over the posterior part of the brain."""
    plan = settings.brains[0]
    y = np.concatenate([hemisphere.pial.vertices_mm[:, 1] for hemisphere in individual.hemispheres])
    first_mm, reach_mm = float(y.min()) + INSIDE_MM, settings.posterior_fraction * float(np.ptp(y)) - INSIDE_MM
    planes = first_mm + (np.arange(plan.sections) + plan.first) * reach_mm / plan.sections
    return tuple(_pm_section(plan.name, section_of_y(float(y_mm))[0]) for y_mm in planes)


def _pm_section(brain: str, number: int) -> Section:
    return Section(brain=brain, id=number, spacing_um=PM_SPACING_UM, shape_px=PM_SHAPE_PX, to_brain=pm_to_brain(number))


def _write_surfaces(root: Path, hemispheres: tuple[Hemisphere, Hemisphere]) -> None:
    for hemisphere in hemispheres:
        for name, mesh in (("gray", hemisphere.pial), ("white", hemisphere.white)):
            file = f"{name}_{_WORDS[hemisphere.side]}_327680"
            write_mni_obj(root / SURFACES / "MNI-obj" / f"{file}.obj", mesh)
            inverted = replace(mesh, vertices_mm=mesh.vertices_mm * (-1, -1, 1))
            write_surface(root / SURFACES / "gii" / f"{file}.gii", inverted, hemisphere.side)


def _write_atlas(root: Path, geometry: Geometry, settings: PhantomSettings, seed: np.random.SeedSequence) -> None:
    rng = np.random.default_rng(seed.spawn(1)[0])
    maps = population_atlas(geometry, settings, seed)
    moved = [
        displaced(one, hemisphere, settings.atlas_shift_mm, rng)
        for one, hemisphere in zip(maps, geometry.hemispheres, strict=True)
    ]
    write_atlas(root / ATLAS, moved, LABEL_SET)


def _write_section(
    root: Path, individual: Individual, sheet: Sheet, section: Section, settings: PhantomSettings, minc: bool
) -> None:
    path = root / PNG_FOLDER / f"pm{section.id:04d}o.png"
    if path.exists():  # it is written last
        return
    labels = true_labels(as_it_lies(individual, section, settings), section, TRUTH_SPACING_UM)
    seed, annotators = individual.texture_seed, settings.annotators
    drawn = two_drawings(labels, TRUTH_SPACING_UM, LABEL_SET, annotators, seed, section.id).first
    rng = np.random.default_rng([seed, section.id, 1])
    partial = partial_labels(drawn, TRUTH_SPACING_UM, LABEL_SET, annotators.annotated_fraction, rng)
    pieces = from_labels(partial, TRUTH_SPACING_UM, section, LABEL_SET)
    write_annotation(root / ANNOTATIONS / f"pm{section.id:04d}o.geojson", pieces, LABEL_SET)
    reader = PhantomSectionReader(individual=individual, sheet=sheet, section=section, settings=settings)
    image = draw_section(reader)
    if minc:
        left_mm, top_mm = _corner_mm(section)
        write_minc(root / MINC_FOLDER / f"pm{section.id:04d}o.mnc", image, 1e-3 * section.spacing_um, left_mm, top_mm)
    write_png(path, image)


def _write_fine(root: Path, individual: Individual, sheet: Sheet, settings: PhantomSettings) -> None:
    """A piece of one of the 145 sections at 1 µm, around its first patch of hOc1."""
    y = np.concatenate([hemisphere.pial.vertices_mm[:, 1] for hemisphere in individual.hemispheres])
    inside = [number for number in SECTIONS_1UM if section_y_mm(number) > y.min() + INSIDE_MM]
    whole = _pm_section(individual.name, inside[0])
    path = root / ALIGNED / f"B20_{whole.id:04d}.tif"
    if path.exists():
        return
    row_um, col_um = _place_of_area(individual, whole, settings)
    left_mm, top_mm = _corner_mm(whole)
    left_mm += 1e-3 * col_um - 5e-4 * FINE_PX[1]
    top_mm -= 1e-3 * row_um - 5e-4 * FINE_PX[0]
    y_mm = section_y_mm(whole.id)
    piece = replace(whole, spacing_um=1.0, shape_px=FINE_PX, to_brain=coronal(y_mm, left_mm, top_mm))
    affine = [[1e-3, 0, 0, left_mm], [0, 0, 0.02, y_mm], [0, -1e-3, 0, top_mm], [0, 0, 0, 1]]
    write_json(path.with_name(f"{path.stem}_affine.json"), affine)
    reader = PhantomSectionReader(individual=individual, sheet=sheet, section=piece, settings=settings)
    image: UInt8[np.ndarray, "h w"] = draw_section(reader)
    write_tiff(path, image, FINE_FACTORS)


def _place_of_area(individual: Individual, section: Section, settings: PhantomSettings) -> tuple[float, float]:
    """(row, col) in µm of a pixel of the first area, the middle one of them in reading order."""
    lying = as_it_lies(individual, section, settings)
    rows, cols = np.nonzero(true_labels(lying, section, TRUTH_SPACING_UM) == LABEL_SET.first_area)
    middle = len(rows) // 2
    return float(rows[middle]) * TRUTH_SPACING_UM, float(cols[middle]) * TRUTH_SPACING_UM


def _corner_mm(section: Section) -> tuple[float, float]:
    """The section's left edge (x) and upper edge (z)."""
    matrix = section.to_brain.matrix
    return float(matrix[0, 3]), float(matrix[2, 3])
