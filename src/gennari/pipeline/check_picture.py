"""The doctor's figure from what was looked at."""

from collections.abc import Sequence
from pathlib import Path

from gennari.pipeline.check_sections import GOOD_MM, Looked
from gennari.report.doctor_figures import SurfacePanel, contour_figure
from gennari.report.style import to_png
from gennari.sources.atomic import atomic_path
from gennari.sources.dataset import Dataset
from gennari.surface.contours import plane_contours


def draw_looked(dataset: Dataset, looked: Sequence[Looked], path: Path) -> None:
    """Write sections with the contours of pial and white surfaces as a PNG, atomically."""
    hemispheres = {one.section.brain: dataset.brain(one.section.brain).hemispheres() for one in looked}
    panels = []
    for one in looked:
        sides = hemispheres[one.section.brain]
        panels.append(
            SurfacePanel(
                title=f"{one.section.brain}, section {one.section.id}",
                note=f"outline to tissue edge {one.fit.median_mm:.2f} mm (median)",
                image=one.image,
                spacing_um=one.spacing_um,
                pial_um=[ring for side in sides for ring in plane_contours(side.pial, one.section)],
                white_um=[ring for side in sides for ring in plane_contours(side.white, one.section)],
                bad=one.fit.median_mm > max(GOOD_MM, 2 * one.spacing_um / 1000),
            )
        )
    with atomic_path(path) as temporary:
        temporary.write_bytes(to_png(contour_figure(panels)))
