"""What is exported is read back by the readers of those who will open it, and compared with the run's own maps."""

import json
import shutil
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import shapely
import tensorstore as ts
from nibabel.freesurfer.io import read_annot
from shapely.geometry import shape
from yaozarrs import validate_zarr_store

from gennari.errors import InputError
from gennari.pipeline import export as exporting
from gennari.pipeline.export import Wanted, export_path, export_stages
from gennari.pipeline.maps import map_path, mapped_sections, segment_stage
from gennari.pipeline.stages import Run, open_run
from gennari.sources.sections import read_full, read_labels

URL = "https://example.org/maps/"
KINDS = ("sections", "geojson", "neuroglancer", "surface", "siibra")


@pytest.fixture(scope="module")
def exported(finished_demo: Path, tmp_path_factory) -> Run:
    """A run that kept its probabilities and exported all but its model; read only."""
    root = tmp_path_factory.mktemp("exported")
    shutil.copytree(finished_demo, root / "demo")
    run = open_run(root / "demo/run")
    segment_stage(run, lambda tick: None, probabilities=True)
    export_stages(run, Wanted(kinds=KINDS, base_url=URL, siibra_space="space-of-phantoms"), lambda tick: None)
    return run


@pytest.fixture
def tested(exported: Run):
    """(section, its map, spacing) of each exported section."""
    return [
        (section, *read_labels(map_path(exported, "pretrained", name, section.id)))
        for name, sections in mapped_sections(exported, "pretrained").items()
        for section in sections
    ]


def zarr_of(path: Path) -> np.ndarray:
    return np.asarray(ts.open({"driver": "zarr3", "kvstore": f"file://{path}"}, open=True).result().read().result())


def test_every_section_is_an_ngff_image_with_its_areas(exported, tested):
    for section, labels, spacing_um in tested:
        path = export_path(exported, "pretrained", "sections", section.brain, f"{section.id:04d}.ome.zarr")
        image = validate_zarr_store(str(path)).ome_metadata()
        assert image.multiscales[0].datasets[0].coordinateTransformations[0].scale == [spacing_um, spacing_um]
        validate_zarr_store(str(path / "labels/areas"))
        np.testing.assert_array_equal(zarr_of(path / "labels/areas/0"), labels)
        own = exported.dataset.brain(section.brain).image_path(section.id)
        np.testing.assert_array_equal(zarr_of(path / "0"), read_full(own, spacing_um))


def test_probabilities_are_bytes_whose_largest_is_the_map(exported, tested):
    for section, labels, _ in tested:
        name = f"{section.id:04d}_probabilities.ome.zarr"
        path = export_path(exported, "pretrained", "sections", section.brain, name)
        validate_zarr_store(str(path))
        values = zarr_of(path / "0")
        assert values.dtype == np.uint8
        assert np.abs(values.sum(axis=0, dtype=int) - 255).max() <= len(values) / 2
        assert (np.take_along_axis(values, labels[None].astype(int), 0)[0] == values.max(axis=0)).all()


def test_shapely_finds_the_maps_areas_in_the_outlines(exported, tested):
    label_set = exported.dataset.label_set
    for section, labels, spacing_um in tested:
        path = export_path(exported, "pretrained", "geojson", section.brain, f"{section.id:04d}.geojson")
        features = json.loads(path.read_text())["features"]
        pieces = {f["properties"]["classification"]["name"]: shape(f["geometry"]) for f in features}
        assert len(pieces) == len(features)
        assert all(piece.is_valid for piece in pieces.values())
        pixel = (spacing_um / section.spacing_um) ** 2
        counted = {label_set.names[k]: pixel * (labels == k).sum() for k in np.unique(labels)}
        assert {name: piece.area for name, piece in pieces.items()} == pytest.approx(counted)
        row, col = 0.5 + np.array(np.unravel_index(labels.argmax(), labels.shape))
        at = shapely.Point(col * pixel**0.5, row * pixel**0.5)
        assert pieces[label_set.names[labels.max()]].contains(at)
        colours = {
            f["properties"]["classification"]["name"]: f["properties"]["classification"]["color"] for f in features
        }
        for name, colour in colours.items():
            assert "#{:02x}{:02x}{:02x}".format(*colour) == label_set.colours[label_set.index(name)]


def test_tensorstore_finds_the_map_in_the_precomputed_segmentation(exported, tested):
    for section, labels, spacing_um in tested:
        folder = export_path(exported, "pretrained", "neuroglancer", section.brain, f"{section.id:04d}")
        spec = {"driver": "neuroglancer_precomputed", "kvstore": f"file://{folder}/areas/"}
        store = ts.open(spec, open=True).result()
        np.testing.assert_array_equal(store.read().result()[:, :, 0, 0].T, labels + 1)
        assert store.dimension_units[0].multiplier == 1e3 * spacing_um
        state = json.loads((folder / "state.json").read_text())
        address = f"precomputed://{URL}neuroglancer/{section.brain}/{section.id:04d}"
        assert [layer["source"] for layer in state["layers"]] == [f"{address}/image", f"{address}/areas"]


def test_siibra_files_name_the_space_and_the_volume(exported, tested):
    for section, _, _ in tested:
        path = export_path(exported, "pretrained", "siibra", section.brain, f"{section.id:04d}.json")
        found = json.loads(path.read_text())
        assert found["space"] == {"@id": "space-of-phantoms"}
        (address,) = found["providers"].values()
        assert address == f"{URL}neuroglancer/{section.brain}/{section.id:04d}/image"


def test_nibabel_reads_areas_and_probabilities_of_the_surface(exported):
    label_set = exported.dataset.label_set
    for name in mapped_sections(exported, "pretrained"):
        folder = export_path(exported, "pretrained", "surface", name)
        hemispheres = exported.dataset.brain(name).hemispheres()
        for side, short, hemisphere in zip("LR", ("lh", "rh"), hemispheres, strict=True):
            columns = nib.load(folder / f"hemi-{side}_probability.func.gii").darrays
            assert [array.meta["Name"] for array in columns] == [*label_set.names, "coverage"]
            shares, coverage = np.stack([array.data for array in columns[:-1]], axis=1), columns[-1].data
            assert len(coverage) == len(hemisphere.medial_wall)
            seen = coverage > 0
            assert seen.any()
            np.testing.assert_allclose(shares[seen].sum(axis=1), 1, atol=1e-5)
            keys = nib.load(folder / f"hemi-{side}_areas.label.gii").darrays[0].data
            np.testing.assert_array_equal(keys == 0, ~seen)
            np.testing.assert_array_equal(keys[seen] - 1, shares[seen].argmax(axis=1))
            filled = nib.load(folder / f"hemi-{side}_areas-filled.label.gii").darrays[0].data
            assert (filled[seen] == keys[seen]).all()
            assert (filled > 0).sum() > seen.sum()
            assert not filled[hemisphere.medial_wall].any()
            labels, _, names = read_annot(folder / f"{short}.areas.annot")
            np.testing.assert_array_equal(labels, keys - 1)
            assert [entry.decode() for entry in names] == list(label_set.names)


def test_a_finished_export_says_so_and_another_address_is_refused(exported, ticks):
    before = {path: path.stat().st_mtime_ns for path in exported.root.rglob("*") if path.is_file()}
    export_stages(exported, Wanted(kinds=KINDS, base_url=URL, siibra_space="space-of-phantoms"), ticks.append)
    assert [tick.note for tick in ticks] == ["already finished, nothing to do"] * len(KINDS)
    assert {path: path.stat().st_mtime_ns for path in exported.root.rglob("*") if path.is_file()} == before
    with pytest.raises(InputError, match=r"stage export-neuroglancer-pretrained .* with another configuration"):
        export_stages(exported, Wanted(kinds=("neuroglancer",)), ticks.append)


def test_a_guide_says_what_opens_what_and_under_which_licence(exported):
    guide = export_path(exported, "pretrained", "README.md").read_text()
    assert exported.dataset.manifest.licence in guide
    assert all(f"`{kind}/`" in guide for kind in exporting.KINDS)


def test_receipts_name_images_and_files_but_not_chunks(exported):
    receipt = json.loads(exported.path("receipts/export-sections-pretrained.json").read_text())
    assert len(receipt["outputs"]) == 8
    assert all(name.endswith(".ome.zarr") for name in receipt["outputs"])
    receipt = json.loads(exported.path("receipts/export-neuroglancer-pretrained.json").read_text())
    assert sorted({Path(name).name for name in receipt["outputs"]}) == ["areas", "image", "state.json"]
    assert all(exported.path(name).exists() for name in receipt["outputs"])


def test_all_that_a_run_can_give_is_the_default(copied, monkeypatch):
    run, made = open_run(copied / "run"), []
    for kind in ("sections", "geojson", "neuroglancer", "siibra", "surfaces", "model"):
        monkeypatch.setattr(exporting, f"write_{kind}", lambda *_, _kind=kind, **__: made.append(_kind))
    folders = export_stages(run, Wanted(), lambda tick: None)
    assert made == [
        "sections",
        "geojson",
        "neuroglancer",
        "surfaces",
        "model",
    ]  # its brains lie in no space of siibra's
    assert [folder.name for folder in folders] == ["sections", "geojson", "neuroglancer", "surface", "model"]


def test_brains_on_bigbrains_surfaces_lie_in_its_space(copied):
    run = open_run(copied / "run")
    spaces = exporting._spaces(run, ("A", "B"), Wanted())
    assert spaces == {}
    index = copied / "dataset/brains/A/brain.json"
    index.write_text(json.dumps(json.loads(index.read_text()) | {"geometry": "bigbrain"}))
    assert exporting._spaces(run, ("A", "B"), Wanted()) == {"A": exporting.BIGBRAIN_SPACE}
    assert exporting._spaces(run, ("A", "B"), Wanted(siibra_space="x")) == {"A": "x", "B": "x"}


def test_the_surface_is_filled_as_far_as_asked(copied):
    run = open_run(copied / "run")
    export_stages(run, Wanted(kinds=("surface",), variant="baseline", fill_mm=0.0), lambda tick: None)
    folder = export_path(run, "baseline", "surface", next(iter(mapped_sections(run, "baseline"))))
    plain, same = (nib.load(folder / f"hemi-L_{name}.label.gii") for name in ("areas", "areas-filled"))
    np.testing.assert_array_equal(plain.darrays[0].data, same.darrays[0].data)


def test_an_interrupted_export_leaves_nothing_and_can_be_repeated(copied, monkeypatch):
    run = open_run(copied / "run")
    real = exporting.write_geojson

    def killed(*arguments, **options):
        real(*arguments, **options)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(exporting, "write_geojson", killed)
        with pytest.raises(KeyboardInterrupt):
            export_stages(run, Wanted(kinds=("geojson",)), lambda tick: None)
    assert not any(path.is_file() for path in export_path(run, "pretrained").rglob("*"))
    export_stages(run, Wanted(kinds=("geojson",)), lambda tick: None)
    assert len(list(export_path(run, "pretrained", "geojson").rglob("*.geojson"))) == 4


def test_a_users_files_are_never_overwritten(copied):
    run = open_run(copied / "run")
    mine = export_path(run, "pretrained", "geojson", "A", "mine.geojson")
    mine.parent.mkdir(parents=True)
    mine.write_text("corrected")
    with pytest.raises(InputError, match="geojson is there already; move it away"):
        export_stages(run, Wanted(kinds=("geojson",)), lambda tick: None)
    assert mine.read_text() == "corrected"


@pytest.mark.parametrize(
    ("wanted", "sentence"),
    [
        (Wanted(kinds=("siibra",)), "lie in none; name it with --siibra-space"),
        (Wanted(kinds=("model",), variant="model"), "copy that one's folder"),
        (Wanted(kinds=("geojson",), variant="model"), "has none of variant 'model'; run `gennari segment` first"),
        (Wanted(kinds=("siibra",), siibra_space="x"), "which is not finished"),
    ],
)
def test_what_cannot_be_had_is_refused_with_the_mend(copied, wanted, sentence):
    with pytest.raises(InputError, match=sentence):
        export_stages(open_run(copied / "run"), wanted, lambda tick: None)


def test_probabilities_asked_for_later_are_made_later(copied, ticks):
    run = open_run(copied / "run")
    (section,) = mapped_sections(run, "pretrained")["A"][:1]
    before = read_labels(map_path(run, "pretrained", "A", section.id))[0]
    assert not segment_stage(run, ticks.append)
    assert segment_stage(run, ticks.append, probabilities=True)
    np.testing.assert_array_equal(read_labels(map_path(run, "pretrained", "A", section.id))[0], before)
    receipt = json.loads(run.path("receipts/segment-probabilities.json").read_text())
    assert len(receipt["outputs"]) == 8
    assert all(name.endswith("_probabilities.ome.zarr") for name in receipt["outputs"])
    assert not any(
        "probabilities" in name for name in json.loads(run.path("receipts/segment.json").read_text())["outputs"]
    )
    assert not segment_stage(run, ticks.append, probabilities=True)


def test_a_section_read_in_bands_is_the_section(exported, monkeypatch):
    section = exported.dataset.brain("A").sections[0]
    brain = exported.dataset.brain("A")
    monkeypatch.setattr("gennari.sources.pyramids._BAND_PX", 7 * section.shape_px[1])
    for factor in (1, 2, 4):
        got = brain.read_full(section.id, factor * section.spacing_um)
        np.testing.assert_array_equal(got, read_full(brain.image_path(section.id), factor * section.spacing_um))
