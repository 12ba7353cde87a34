"""Small JSON files that tell viewers where the volumes are: a neuroglancer state, a siibra section."""

from gennari.errors import InputError
from gennari.records import LabelSet, Section
from gennari.sources.precomputed_files import SLAB_UM, segment_id

BIGBRAIN_SPACE = "minds/core/referencespace/v1.0.0/a1655b99-82f1-420f-a3c2-fe80fd4c8588"
"""How siibra calls BigBrain's histological space."""
_VOXEL_M = 1e-6
"""One unit of the state's axes, in m: a section is looked at in µm from its corner."""


def neuroglancer_state(
    section: Section, label_set: LabelSet, spacing_um: float, image_url: str, areas_url: str
) -> dict[str, object]:
    """A state that opens a section in its own plane (x = col, y = row), its areas in their colours over it.

    All classes are listed by name; areas are shown, tissue classes are not until asked for.

    Args:
        section: whose.
        label_set: names and colours.
        spacing_um: of the segmentation.
        image_url: of the precomputed image, without the scheme `precomputed://`.
        areas_url: of the precomputed segmentation.
    """
    classes = range(len(label_set.names))
    shown = [str(segment_id(index)) for index in classes if index >= label_set.first_area]
    rows_um, cols_um = section.size_um
    return {
        "dimensions": {"x": [_VOXEL_M, "m"], "y": [_VOXEL_M, "m"], "z": [_VOXEL_M, "m"]},
        "position": [cols_um / 2, rows_um / 2, SLAB_UM / 2],
        "crossSectionScale": max(rows_um, cols_um) / 800,
        "layout": "xy",
        "layers": [
            {"type": "image", "name": f"section {section.id}", "source": f"precomputed://{image_url}"},
            {
                "type": "segmentation",
                "name": "areas",
                "source": f"precomputed://{areas_url}",
                "segments": shown,
                "segmentColors": {str(segment_id(index)): label_set.colours[index] for index in classes},
                "selectedAlpha": 0.4,
            },
        ],
        "selectedLayer": {"visible": True, "layer": "areas"},
        "title": f"{section.brain} {section.id}, areas at {spacing_um:g} µm",
    }


def siibra_section(section: Section, image_url: str, space: str, licence: str) -> dict[str, object]:
    """A section as siibra's configurations describe one; `siibra.from_json` gives it as a feature.

    It names no bounding box: siibra reads that from the volume, and looks a given one's space up on a server.

    Args:
        section: whose.
        image_url: http(s) address of the precomputed image; siibra finds transform.json there.
        space: id of the reference space that the section's BRAIN_MM is.
        licence: of the data.

    Raises:
        InputError: the address is none that siibra can fetch from.
    """
    if not image_url.startswith(("http://", "https://")):
        raise InputError(
            f"siibra fetches volumes by http or https, but the export's address is '{image_url}'; "
            "say where the folder will be served with --base-url"
        )
    return {
        "@type": "siibra/feature/section/v0.1",
        "@id": f"gennari-{section.brain}-{section.id:04d}",
        "name": f"{section.brain} {section.id:04d}",
        "modality": "cell body staining",
        "space": {"@id": space},
        "providers": {"neuroglancer/precomputed": image_url},
        "description": f"Section {section.id} of {section.brain}. Licence of the data: {licence}",
    }
