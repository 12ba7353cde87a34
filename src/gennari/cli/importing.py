"""`gennari import`: data that a user has become part of a data set; each kind is imported when it is asked for."""

from cyclopts import App

_SUMMARIES = {
    "sections": "Index section images where they stand: PNG, MINC2, TIFF, OME-Zarr, precomputed.",
    "surfaces": "Pial and white surfaces of a brain: GIfTI, MNI .obj, FreeSurfer.",
    "atlas": "Where areas are expected: maps by vertex, NIfTI, siibra.",
    "annotations": "What experts drew: QuPath, label images, OME-Zarr labels, microdraw, napari, sands.",
}

app = App(name="import", help="Bring your own sections, surfaces, atlas and annotations into a data set.")
for _kind, _summary in _SUMMARIES.items():
    app.command(f"gennari.cli.import_{_kind}:{_kind}", name=_kind, help=_summary)
