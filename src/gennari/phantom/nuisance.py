"""What happened to a section that has nothing to do with areas: stain, light, focus, damage, registration.

All of it is a function of the individual's texture seed and the section's number (and of where tissue is), never of the
window that is looked at. Each kind has its own stream of chance, so that switching one off leaves the others as they
were.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from jaxtyping import Float, Float32

from gennari.phantom.defects import (
    Blob,
    Stroke,
    TissueInPlane,
    area_mm2,
    crack,
    fold,
    lost_piece,
    speck,
    tissue_in_plane,
)
from gennari.phantom.fields import WaveField, wave_field
from gennari.phantom.individual import Individual
from gennari.phantom.optics import SECTION_THICKNESS_UM
from gennari.phantom.settings import Nuisance
from gennari.records import Hemisphere, Quality, Section, TriangleMesh

LIGHT_MM = 25.0
"""Correlation length of the gradient over a section."""
REGISTRATION_MM, REGISTRATION_WAVES = 25.0, 32
"""Correlation length of the registration error: sections are fitted as a whole and in large parts, and what is left is
smooth, so that it changes the thickness of cortex by less than 2 % (RMS)."""
REACH_UM = 8000.0
"""Surfaces farther from the plane do not matter to a section: no face is that long."""
SEVERITY_SD = 0.9
"""SD of the logarithm of a section's luck: counts of cracks, folds, lost pieces and specks scale with it together."""
BLUR_SD = 0.3
"""SD of the logarithm of a section's blur."""
GRADES: tuple[Quality, Quality, Quality, Quality] = ("excellent", "good", "fair", "poor")
DAMAGED_MM2, BLURRED_UM, STAIN_OFF = (0.3, 6.0, 20.0), (0.95, 1.2, 1.9), (0.11, 0.15, 0.24)
"""A section that exceeds a limit gets the next grade: damaged area, focus blur, |ln| of its stain over the brain's."""
KINDS = ("stain", "thickness", "blur", "light", "registration", "severity", "cracks", "folds", "missing", "dust")

_Shape = TypeVar("_Shape", bound=Stroke | Blob)


@dataclass(frozen=True, kw_only=True)
class Displacement:
    """Where tissue lies off the surfaces within the plane: (row, col).

    Attributes:
        field: two components over (row, col, 0) in mm.
        scale_mm: what the field is multiplied by.
        rms_mm: RMS length over the section's tissue.
    """

    field: WaveField
    scale_mm: float
    rms_mm: float

    def at(self, places_um: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 2"]:
        """Displacement at (row, col) places of the plane, µm."""
        return (1e3 * self.scale_mm) * self.field(_in_mm(places_um)).astype(float)


@dataclass(frozen=True, kw_only=True)
class Condition:
    """All that happened to one section; lengths on its plane (row, col) in µm.

    Attributes:
        gain: the section's stain, the brain's tone included: multiplies tissue's -log transmission.
        thickness_um: around the nominal thickness.
        blur_um: SD of the focus blur.
        camera_sd: SD of the camera's noise in a pixel of 1 µm, in grey values.
        light: field over (row, col, 0) in mm of the smooth gradient; read it by `light_at`.
        light_sd: relative SD of that gradient.
        registration: how tissue lies off the surfaces.
        cracks, missing: tissue is gone, the glass is bare.
        folds: tissue lies double.
        dust: specks and fibres, on tissue and glass.
        quality: rating, as a person would give it (`rate`).
    """

    gain: float
    thickness_um: float
    blur_um: float
    camera_sd: float
    light: WaveField
    light_sd: float
    registration: Displacement
    cracks: tuple[Stroke, ...]
    folds: tuple[Stroke, ...]
    missing: tuple[Blob, ...]
    dust: tuple[Blob | Stroke, ...]
    quality: Quality


def section_condition(individual: Individual, section: Section, nuisance: Nuisance) -> Condition:
    """Draw what happened to a section.

    Args:
        individual: its texture seed, its tone, and where its tissue is.
        section: its number and plane; its grid, spacing and rating do not matter.
        nuisance: how strong each kind is; 0 is none.
    """
    children = np.random.SeedSequence([individual.texture_seed, section.id]).spawn(len(KINDS))
    rng = {kind: np.random.default_rng(child) for kind, child in zip(KINDS, children, strict=True)}
    tissue = tissue_in_plane(individual, section)
    severity = float(np.exp(SEVERITY_SD * rng["severity"].normal() - SEVERITY_SD**2 / 2))
    stain = nuisance.stain_sd * float(rng["stain"].normal())
    blur_um = nuisance.blur_um * float(np.exp(BLUR_SD * rng["blur"].normal()))
    cracks = _some(rng["cracks"], nuisance.cracks * severity, crack, tissue)
    folds = _some(rng["folds"], nuisance.folds * severity, fold, tissue)
    missing = _some(rng["missing"], nuisance.missing * severity, lost_piece, tissue)
    return Condition(
        gain=individual.stain_gain * float(np.exp(stain)),
        thickness_um=SECTION_THICKNESS_UM * float(np.exp(nuisance.thickness_sd * rng["thickness"].normal())),
        blur_um=blur_um,
        camera_sd=float(nuisance.camera_sd),
        light=wave_field(rng["light"], 1, LIGHT_MM),
        light_sd=float(nuisance.illumination_sd),
        registration=_displacement(rng["registration"], nuisance.registration_mm, tissue),
        cracks=cracks,
        folds=folds,
        missing=missing,
        dust=_some(rng["dust"], nuisance.dust * severity, speck, tissue),
        quality=rate(sum((area_mm2(shape) for shape in (*cracks, *folds, *missing)), 0.0), blur_um, abs(stain)),
    )


def rate(damaged_mm2: float, blur_um: float, stain_off: float) -> Quality:
    """Grade a section: the worst of the grades for its damage, its focus and its stain.

    Grades and what they judge follow the practice of rating sections before analysis; the limits are ours, chosen so
    that with default settings about a quarter is excellent, half good, a fifth fair and a twentieth poor.

    Args:
        damaged_mm2: area of cracks, folds and lost pieces.
        blur_um: SD of the focus blur.
        stain_off: |ln| of the section's stain over its brain's tone.
    """
    judged = ((damaged_mm2, DAMAGED_MM2), (blur_um, BLURRED_UM), (stain_off, STAIN_OFF))
    return GRADES[max(sum(value > limit for limit in limits) for value, limits in judged)]


def light_at(
    condition: Condition, rows_um: Float[np.ndarray, "n"], cols_um: Float[np.ndarray, "n"]
) -> Float32[np.ndarray, "n"]:
    """Relative gain of absorbance at places of the plane, mean about 1.

    It is smooth over 25 mm: ask for it on a lattice of a few mm and interpolate.
    """
    if condition.light_sd == 0:
        return np.ones(len(rows_um), np.float32)
    sd = np.float32(condition.light_sd)
    return np.exp(sd * condition.light(_in_mm(np.column_stack([rows_um, cols_um])))[:, 0] - sd * sd / 2)


def misregistered(
    hemispheres: tuple[Hemisphere, Hemisphere], section: Section, condition: Condition
) -> tuple[Hemisphere, Hemisphere]:
    """The surfaces as they lie in this section's tissue: moved within its plane, and only near it.

    Args:
        hemispheres: in BRAIN_MM.
        section: its plane.
        condition: of this section.

    Returns:
        The same faces over moved vertices; the very same objects where the registration is perfect.
    """
    if condition.registration.rms_mm == 0:
        return hemispheres
    left, right = (_moved(hemisphere, section, condition.registration) for hemisphere in hemispheres)
    return left, right


def _moved(hemisphere: Hemisphere, section: Section, displacement: Displacement) -> Hemisphere:
    meshes = (hemisphere.pial, hemisphere.white)
    off_mm = [(mesh.vertices_mm - section.to_brain.matrix[:3, 3]) @ section.normal for mesh in meshes]
    # a column moves as a whole, or its thickness would jump at the reach
    near = np.flatnonzero(np.minimum(np.abs(off_mm[0]), np.abs(off_mm[1])) * 1e3 <= REACH_UM)
    moved = []
    for mesh in meshes:
        vertices = mesh.vertices_mm.astype(float)
        places = section.section_um(vertices[near])[:, :2]
        vertices[near] += displacement.at(places) @ section.to_brain.matrix[:3, :2].T
        moved.append(TriangleMesh(vertices_mm=vertices, faces=mesh.faces))
    return replace(hemisphere, pial=moved[0], white=moved[1])


def _displacement(rng: np.random.Generator, limits_mm: tuple[float, float], tissue: TissueInPlane) -> Displacement:
    rms_mm = float(rng.uniform(*limits_mm))
    field = wave_field(rng, 2, REGISTRATION_MM, REGISTRATION_WAVES)
    at_tissue = field(_in_mm(np.concatenate([tissue.pial_um, tissue.white_um])))
    return Displacement(field=field, scale_mm=rms_mm / float(np.sqrt((at_tissue**2).sum(axis=1).mean())), rms_mm=rms_mm)


def _some(
    rng: np.random.Generator,
    mean: float,
    draw: Callable[[np.random.Generator, TissueInPlane], _Shape],
    tissue: TissueInPlane,
) -> tuple[_Shape, ...]:
    return tuple(draw(rng, tissue) for _ in range(rng.poisson(mean)))


def _in_mm(places_um: Float[np.ndarray, "n 2"]) -> Float[np.ndarray, "n 3"]:
    return np.column_stack([places_um * 1e-3, np.zeros(len(places_um))])
