"""The doctor's look at sections: images that are there, of one size, and show the brain where the surfaces lie."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float32

from gennari.errors import InputError
from gennari.pipeline.findings import Finding
from gennari.records import Hemisphere, Section, Window
from gennari.sampling.tissue_fit import TissueFit, fit_tissue
from gennari.sources.dataset import Brain
from gennari.surface.contours import plane_contours

LOOK_UM = 200.0
"""Images are looked at at about this spacing."""
GOOD_MM, DOUBTFUL_MM = 0.5, 1.5
"""Median distance of the outlines; above, a patch of 2 mm shows other cortex than its place says."""


class Looked(NamedTuple):
    """A section that was looked at."""

    section: Section
    image: Float32[np.ndarray, "h w"]
    spacing_um: float
    fit: TissueFit


def spread_out(sections: Sequence[Section], count: int) -> list[Section]:
    """So many of the sections, evenly over their order, ends left out (where the cortex is cut flat)."""
    if len(sections) <= count:
        return list(sections)
    places = (np.arange(count) + 0.5) * len(sections) / count
    return [sections[int(place)] for place in places]


def look(brain: Brain, hemispheres: Sequence[Hemisphere], section: Section) -> Looked:
    """Read a section coarsely and compare it with the surfaces; InputError as its reader and `fit_tissue`."""
    spacing_um = max(1, round(LOOK_UM / section.spacing_um)) * section.spacing_um
    size = section.grid_shape(spacing_um)
    window = Window(
        brain=brain.name,
        section=section.id,
        centre_um=(0.5 * size[0] * spacing_um, 0.5 * size[1] * spacing_um),
        size_px=size,
        spacing_um=spacing_um,
    )
    image = brain.open_reader(section).read(window)
    rings = [plane_contours(hemisphere.pial, section) for hemisphere in hemispheres]
    return Looked(section, image, spacing_um, fit_tissue(image, rings, spacing_um))


def check_fit(brain: str, looked: Sequence[Looked]) -> list[Finding]:
    """Whether tissue and surfaces lie together, and if not, what would mend it."""
    findings = []
    for one in looked:
        limit = max(GOOD_MM, 2 * one.spacing_um / 1000)
        median = one.fit.median_mm
        level = "good" if median <= limit else "doubtful" if median <= max(DOUBTFUL_MM, limit) else "wrong"
        found = f"surfaces and tissue edge of section {one.section.id} lie {median:.2f} mm apart (median; 95 % within "
        mend = "" if level == "good" else "look at the figure; check the section's affine and the space of the surfaces"
        better = one.fit.better
        if level != "good" and better:
            mend = f"the image would fit {better} ({one.fit.otherwise_mm[better]:.2f} mm): import it so"
        findings.append(Finding("registration", level, f"{found}{one.fit.far_mm:.2f})", mend, brain))
    return findings


def check_images(brain: Brain) -> list[Finding]:
    """Whether each section's image is there and fits the index; a pixel of each is read."""
    broken: list[tuple[int, str]] = []
    for section in brain.sections:
        corner = 0.5 * section.spacing_um
        window = Window(
            brain=brain.name,
            section=section.id,
            centre_um=(corner, corner),
            size_px=(1, 1),
            spacing_um=section.spacing_um,
        )
        try:
            brain.open_reader(section).read(window)
        except InputError as error:
            broken.append((section.id, str(error)))
    total = len(brain.sections)
    if not total:
        return [Finding("images", "wrong", "no sections", "run `gennari import sections`", brain.name)]
    if broken:
        listed = ", ".join(str(number) for number, _ in broken[:10]) + (" ..." if len(broken) > 10 else "")
        found = f"{len(broken)} of {total} cannot be read ({listed}); the first: {broken[0][1]}"
        return [Finding("images", "wrong", found, "bring them back, or import the sections anew", brain.name)]
    return [Finding("images", "good", f"{total} sections, all readable", "", brain.name)]


def check_spacing(brain: Brain, needed_um: float) -> list[Finding]:
    """Whether pixels measure what the affine says, alike in all sections, and fine enough to learn from."""
    findings = []
    for section in brain.sections:
        scale = 1000 * np.linalg.norm(section.to_brain.matrix[:3, :3], axis=0)
        if np.abs(scale[:2] - 1).max() > 0.01:
            found = f"a µm of section {section.id} becomes {scale[0]:.3f} x {scale[1]:.3f} µm of the brain"
            mend = "its affine must lead from µm to mm without scaling (pixels measure spacing_um): import it anew"
            findings.append(Finding("spacing", "wrong", found, mend, brain.name))
            break
    spacings = sorted({round(section.spacing_um, 4) for section in brain.sections})
    listed = ", ".join(f"{spacing:g}" for spacing in spacings[:5])
    if spacings and spacings[-1] > needed_um * 1.5:
        found = f"pixels of {listed} µm, but the recipe reads {needed_um:g} µm"
        findings.append(Finding("spacing", "wrong", found, "take finer images, or a coarser recipe", brain.name))
    elif spacings:
        level = "doubtful" if len(spacings) > 1 and spacings[-1] > needed_um else "good"
        mend = "" if level == "good" else "some images are coarser than the recipe: leave them out"
        findings.append(Finding("spacing", level, f"pixels of {listed} µm", mend, brain.name))
    return findings


def check_series(brain: Brain) -> list[Finding]:
    """Whether sections are missing within the series: steps far above the median one."""
    if len(brain.sections) < 3:
        return []
    across_mm = np.array([float(section.normal @ section.to_brain.matrix[:3, 3]) for section in brain.sections])
    order = np.argsort(across_mm)
    steps_mm = np.diff(across_mm[order])
    median = float(np.median(steps_mm))
    wide = np.flatnonzero(steps_mm > max(2.5 * median, 1e-6))
    found = f"{len(order)} sections, {median:.2f} mm apart (median)"
    if steps_mm.min() < 1e-6:
        return [Finding("series", "wrong", f"{found}; two lie in one plane", "check their affines", brain.name)]
    if not wide.size:
        return [Finding("series", "good", found, "", brain.name)]
    gaps = [
        f"{steps_mm[k]:.1f} mm between {brain.sections[order[k]].id} and {brain.sections[order[k + 1]].id}"
        for k in wide[np.argsort(-steps_mm[wide])][:3]
    ]
    text = f"{found}; {len(wide)} gaps, such as {'; '.join(gaps)}"
    return [Finding("series", "doubtful", text, "import the sections between, if there are any", brain.name)]
