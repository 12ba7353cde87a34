import json
from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.phantom.layers import LABEL_SET
from gennari.pipeline.importing import add_sections, import_sections
from gennari.records import Window
from gennari.sources.bigbrain import LICENCE, section_y_mm
from gennari.sources.dataset import open_dataset
from gennari.sources.placement import Placement
from gennari.sources.resample import area_mean
from gennari.sources.sections import write_ome_zarr
from gennari.sources.tiff import write_tiff

FRAME = Placement(spacing_um=16.0, y0_mm=-70.02, y_step_mm=0.02, left_mm=-5.0, top_mm=6.0)


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (200, 240), dtype=np.uint8)


@pytest.fixture
def scans(image: np.ndarray, tmp_path: Path) -> Path:
    for number in (102, 150):
        write_tiff(tmp_path / "scans" / f"slice_{number}.tif", image, (1, 4))
    return tmp_path / "scans"


def imported(location: object, root: Path, brain: str = "A", **options: object) -> list[int]:
    entries = import_sections(str(location), root, brain, lambda tick: None, **({"placement": FRAME} | options))
    return [entry.id for entry in entries]


def test_sections_are_indexed_and_read_where_they_stand(image: np.ndarray, scans: Path, tmp_path: Path) -> None:
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in scans.iterdir()}
    assert imported(scans, tmp_path / "data") == [102, 150]
    dataset = open_dataset(tmp_path / "data")
    brain = dataset.brain("A")
    section = brain.section(150)
    assert (section.spacing_um, section.shape_px) == (16.0, image.shape)
    assert section.to_brain.matrix[1, 3] == pytest.approx(section_y_mm(150))
    np.testing.assert_array_equal(brain.read_full(150, 64.0), area_mean(image, 4))
    window = Window(brain="A", section=150, centre_um=(1600.0, 1920.0), size_px=(50, 60), spacing_um=32.0)
    np.testing.assert_allclose(
        dataset.open_reader(section).read(window), image[50:150, 60:180].reshape(50, 2, 60, 2).mean(axis=(1, 3))
    )
    assert {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in scans.iterdir()} == before
    assert sum(file.stat().st_size for file in (tmp_path / "data").rglob("*") if file.is_file()) < 4000


def test_a_new_data_set_has_the_phantoms_classes_and_no_surfaces(scans: Path, tmp_path: Path) -> None:
    imported(scans, tmp_path / "data", role="pretext", quality="fair", licence="mine")
    manifest = open_dataset(tmp_path / "data").manifest
    assert manifest.label_set.label_set() == LABEL_SET
    assert (manifest.name, manifest.licence, manifest.brains) == ("data", "mine", ("A",))
    brain = open_dataset(tmp_path / "data").brain("A").manifest
    assert (brain.role, brain.geometry, brain.atlas) == ("pretext", "none", False)
    assert {entry.quality for entry in brain.sections} == {"fair"}


def test_a_data_set_may_have_areas_of_its_own_and_keeps_them(scans: Path, tmp_path: Path) -> None:
    root, table = tmp_path / "data", tmp_path / "areas.csv"
    table.write_text("TE 1.0,#aa0010\nTE 1.1\n")
    imported(scans, root, areas=table, ids=(102,))
    assert open_dataset(root).label_set.areas == ("TE 1.0", "TE 1.1")
    imported(scans, root, areas=table)
    imported(scans, root, "B")
    assert open_dataset(root).label_set.areas == ("TE 1.0", "TE 1.1")
    table.write_text("TE 1.0,#aa0010\n")
    with pytest.raises(InputError, match=r"keeps its classes, and .* has TE 1.0, TE 1.1, got TE 1.0 \(or"):
        imported(scans, root, "C", areas=table)
    assert open_dataset(root).manifest.brains == ("A", "B")


def test_more_sections_and_brains_are_added_and_doing_it_again_changes_nothing(
    image: np.ndarray, scans: Path, tmp_path: Path
) -> None:
    root = tmp_path / "data"
    imported(scans, root, ids=(150,))
    imported(scans, root)
    write_ome_zarr(tmp_path / "more" / "125.ome.zarr", image, 16.0)
    imported(tmp_path / "more", root, licence="CC0")
    imported(scans, root, "B", licence="CC0")
    texts = {path: path.read_text() for path in root.rglob("*.json")}
    imported(scans, root)
    assert {path: path.read_text() for path in root.rglob("*.json")} == texts
    dataset = open_dataset(root)
    assert [section.id for section in dataset.brain("A").sections] == [102, 125, 150]
    assert dataset.manifest.brains == ("A", "B")
    assert dataset.manifest.licence.endswith("; A: CC0")


def test_a_phantom_takes_imported_sections_and_keeps_its_own(phantom: Path, scans: Path, tmp_path: Path) -> None:
    for file in phantom.rglob("*.json"):
        if file.name in ("dataset.json", "brain.json"):
            (tmp_path / "data" / file.relative_to(phantom)).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "data" / file.relative_to(phantom)).write_bytes(file.read_bytes())
    before = open_dataset(phantom)
    imported(scans, tmp_path / "data", "E")
    after = open_dataset(tmp_path / "data")
    assert after.manifest.brains == (*before.manifest.brains, "E")
    assert after.manifest.origin == before.manifest.origin
    assert after.brain("A").manifest == before.brain("A").manifest


def test_images_inside_the_data_set_are_named_relative_to_it(image: np.ndarray, tmp_path: Path) -> None:
    write_tiff(tmp_path / "data" / "scans" / "102.tif", image, (1,))
    imported(tmp_path / "data" / "scans", tmp_path / "data")
    (entry,) = open_dataset(tmp_path / "data").brain("A").manifest.sections
    assert entry.image == "../../scans/102.tif"
    (tmp_path / "data").rename(tmp_path / "moved")
    np.testing.assert_array_equal(open_dataset(tmp_path / "moved").brain("A").read_full(102, 16.0), image)


def test_an_address_is_kept_and_is_no_path(tmp_path: Path, scans: Path) -> None:
    imported(scans, tmp_path / "data")
    index = tmp_path / "data" / "brains" / "A" / "brain.json"
    document = json.loads(index.read_text())
    document["sections"][0]["image"] = "precomputed://https://example.org/B20_0102"
    index.write_text(json.dumps(document))
    brain = open_dataset(tmp_path / "data").brain("A")
    assert brain.image_location(102) == "precomputed://https://example.org/B20_0102"
    assert brain.image_path(150) == scans.resolve() / "slice_150.tif"
    with pytest.raises(InputError, match="section 102 of A must be a file or folder here, but it is on a server"):
        brain.image_path(102)


def test_bigbrains_licence_goes_with_files_of_its_names(image: np.ndarray, tmp_path: Path) -> None:
    write_tiff(tmp_path / "B20_0102.tif", image, (1,))
    imported(tmp_path / "B20_0102.tif", tmp_path / "data")
    assert open_dataset(tmp_path / "data").manifest.licence == LICENCE


def test_the_licence_of_others_is_to_be_asked_for(scans: Path, tmp_path: Path) -> None:
    imported(scans, tmp_path / "data")
    assert open_dataset(tmp_path / "data").manifest.licence.startswith("as given with slice_102.tif; ask its authors")


def test_another_image_of_a_section_is_refused_and_nothing_is_written(
    image: np.ndarray, scans: Path, tmp_path: Path
) -> None:
    imported(scans, tmp_path / "data")
    write_tiff(tmp_path / "other" / "102.tif", image, (1,))
    texts = {path: path.read_text() for path in (tmp_path / "data").rglob("*.json")}
    with pytest.raises(InputError, match=r"brain A has a section 102 already \(.*slice_102\.tif\)"):
        imported(tmp_path / "other", tmp_path / "data")
    with pytest.raises(InputError, match="brain A is a labelled brain, and a brain has one role, got pretext"):
        imported(scans, tmp_path / "data", role="pretext")
    assert {path: path.read_text() for path in (tmp_path / "data").rglob("*.json")} == texts


def test_a_bad_section_leaves_no_data_set(scans: Path, tmp_path: Path) -> None:
    (scans / "slice_160.tif").write_bytes(b"none")
    with pytest.raises(InputError, match=r"slice_160\.tif must be a whole TIFF image"):
        imported(scans, tmp_path / "data")
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["", "..", "a/b", ".hidden", "A B"])
def test_a_brain_has_a_name_that_a_folder_can_have(name: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"consists of letters, digits, - and _, got "):
        add_sections(tmp_path, name, "labelled", [])
