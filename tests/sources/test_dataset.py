import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.frames import coronal
from gennari.records import AreaMap, Hemisphere, LabelSet, Section, Window
from gennari.sources.atlas import write_atlas
from gennari.sources.dataset import (
    Dataset,
    annotation_path,
    brain_folder,
    check_inside,
    fingerprint,
    open_dataset,
    write_brain_manifest,
    write_dataset_manifest,
    write_observers,
    write_section,
    write_truth,
)
from gennari.sources.gifti import surface_path
from gennari.sources.manifests import BrainManifest, DatasetManifest, LabelSetEntry, Observers
from gennari.sources.surfaces import write_hemispheres

Pair = tuple[Hemisphere, Hemisphere]


@pytest.fixture
def image(section: Section, rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 255, section.shape_px, dtype=np.uint8)


@pytest.fixture
def dataset(tmp_path: Path, hemispheres: Pair, section: Section, label_set: LabelSet, image: np.ndarray) -> Dataset:
    entry = write_section(tmp_path, section, image, split="train", levels=2)
    folder = brain_folder(tmp_path, "A")
    write_hemispheres(folder / "surfaces", hemispheres)
    write_atlas(folder / "atlas", [np.full((258, 2), 0.25, np.float32)] * 2, label_set)
    labels = np.full((60, 120), 2, np.uint8)
    write_truth(tmp_path, "A", AreaMap(labels=labels, spacing_um=400.0, section=3551, label_set=label_set))
    write_brain_manifest(
        tmp_path, BrainManifest(name="A", role="labelled", sections=(entry,), geometry="shells", atlas=True)
    )
    write_dataset_manifest(
        tmp_path,
        DatasetManifest(name="toy", licence="CC0", label_set=LabelSetEntry.of(label_set), brains=("A",)),
    )
    return open_dataset(tmp_path)


def test_what_was_written_is_found_again(
    dataset: Dataset, hemispheres: Pair, section: Section, label_set: LabelSet, image: np.ndarray
) -> None:
    brain = dataset.brain("A")
    assert dataset.label_set == label_set
    assert brain.name == "A"
    assert brain.split(3551) == "train"
    for found in (brain.section(3551), *brain.sections):
        np.testing.assert_array_equal(found.to_brain.matrix, section.to_brain.matrix)
        assert (found.id, found.spacing_um, found.shape_px) == (3551, 100.0, (240, 480))
    np.testing.assert_allclose(brain.hemispheres()[1].pial.vertices_mm, hemispheres[1].pial.vertices_mm, atol=1e-5)
    np.testing.assert_array_equal(brain.atlas()[0], 0.25)
    truth = brain.truth(3551)
    assert (truth.spacing_um, truth.section, truth.label_set) == (400.0, 3551, label_set)
    np.testing.assert_array_equal(truth.labels, 2)
    window = Window(brain="A", section=3551, centre_um=(12_000.0, 24_000.0), size_px=(240, 480), spacing_um=100.0)
    np.testing.assert_array_equal(dataset.open_reader(section).read(window), image)


def test_a_dataset_travels_to_another_process(dataset: Dataset, section: Section) -> None:
    opened = pickle.loads(pickle.dumps(dataset.open_reader))
    assert opened(section).location == str(dataset.brain("A").image_path(3551))


def test_an_annotation_is_a_path_or_nothing(dataset: Dataset) -> None:
    brain = dataset.brain("A")
    assert brain.annotation(3551) is None
    path = annotation_path(brain.folder, 3551)
    path.parent.mkdir()
    path.write_text("{}")
    assert brain.annotation(3551) == path


def test_observers_are_found_again_or_nothing(dataset: Dataset, tmp_path: Path) -> None:
    brain = dataset.brain("A")
    assert brain.observers(3551) is None
    counts = ((5, 1), (2, 7))
    stored = Observers(spacing_um=400.0, jitter_mm=(0.2, 0.4), mutual=counts, first=counts, second=counts)
    write_observers(tmp_path, "A", 3551, stored)
    assert brain.observers(3551) == stored
    path = brain.folder / "truth/3551.observers.json"
    path.write_text(path.read_text()[:40])
    with pytest.raises(InputError, match=r"3551\.observers\.json must be whole JSON"):
        brain.observers(3551)


def test_unknown_brains_and_sections_are_named_with_what_there_is(dataset: Dataset) -> None:
    with pytest.raises(InputError, match="has the brains A, but not 'B'"):
        dataset.brain("B")
    brain = dataset.brain("A")
    for ask in (brain.section, brain.image_path, brain.annotation, brain.truth, brain.observers, brain.split):
        with pytest.raises(InputError, match=r"no 3550; the nearest are \[3551\]"):
            ask(3550)


def test_a_missing_folder_index_or_image_is_named(dataset: Dataset, tmp_path: Path, section: Section) -> None:
    with pytest.raises(InputError, match="nowhere must be the folder of a dataset"):
        open_dataset(tmp_path / "nowhere")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=r"empty/dataset\.json must be a file"):
        open_dataset(tmp_path / "empty")
    (brain_folder(tmp_path, "A") / "sections/3551.ome.zarr").rename(tmp_path / "away")
    with pytest.raises(InputError, match=r"3551\.ome\.zarr/zarr\.json must be a file"):
        dataset.open_reader(section)
    (brain_folder(tmp_path, "A") / "truth/3551.ome.zarr").rename(tmp_path / "away2")
    with pytest.raises(InputError, match=r"truth/3551\.ome\.zarr/zarr\.json must be a file"):
        dataset.brain("A").truth(3551)


def test_a_brain_without_atlas_says_so(dataset: Dataset, tmp_path: Path) -> None:
    manifest = dataset.brain("A").manifest
    write_brain_manifest(tmp_path, manifest.model_copy(update={"atlas": False}))
    with pytest.raises(InputError, match="brain A has no atlas"):
        dataset.brain("A").atlas()


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"licence"', '"license"', r"dataset\.json: unknown key 'license'; did you mean 'licence'\?"),
        ('"#ff0000"', '"red"', r"a colour must be written '#rrggbb', not 'red'"),
        ('"hOc2"', '"hOc1"', "unique names and one colour each"),
        ('"format_version": 1', '"format_version": 2', "'format_version' does not fit"),
    ],
)
def test_a_malformed_dataset_index_is_refused(
    dataset: Dataset, tmp_path: Path, old: str, new: str, message: str
) -> None:
    change(tmp_path / "dataset.json", old, new)
    with pytest.raises(InputError, match=message):
        open_dataset(tmp_path)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"spacing_um"', '"spacing"', r"unknown key 'sections\.0\.spacing'; did you mean 'spacing_um'"),
        ('"spacing_um": 100.0', '"spacing_um": -1', r"'sections\.0\.spacing_um' does not fit.*greater than 0"),
        ('"labelled"', '"labeled"', "'role' does not fit"),
    ],
)
def test_a_malformed_brain_index_is_refused(dataset: Dataset, tmp_path: Path, old: str, new: str, message: str) -> None:
    change(tmp_path / "brains/A/brain.json", old, new)
    with pytest.raises(InputError, match=message):
        dataset.brain("A")


def test_an_affine_that_is_none_and_a_section_given_twice_are_refused(dataset: Dataset, tmp_path: Path) -> None:
    path = tmp_path / "brains/A/brain.json"
    document = json.loads(path.read_text())
    entry = document["sections"][0]
    document["sections"] = [entry | {"affine": [[0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 0], [0, 0, 0, 1]]}]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match=r"brain\.json of A, section 3551: .*invertible.*mend its affine"):
        _ = dataset.brain("A").sections
    document["sections"] = [entry, entry]
    path.write_text(json.dumps(document))
    with pytest.raises(InputError, match="section ids must be unique, but 3551 stands more than once"):
        dataset.brain("A")


def test_a_section_outside_the_brain_is_refused(
    dataset: Dataset, tmp_path: Path, section: Section, hemispheres: Pair
) -> None:
    check_inside(section, hemispheres)
    behind = replace(section, to_brain=coronal(y_mm=-10.5, left_mm=-24.0, top_mm=12.0))
    with pytest.raises(InputError, match=r"section 3551 of A must cut the brain, but it passes it 0\.50 mm away"):
        check_inside(behind, hemispheres)
    beside = replace(section, to_brain=coronal(y_mm=0.0, left_mm=30.0, top_mm=12.0))
    with pytest.raises(InputError, match="must show the brain, but it lies beside it"):
        check_inside(beside, hemispheres)
    entry = write_section(tmp_path, behind, np.full(section.shape_px, 255, np.uint8))
    manifest = dataset.brain("A").manifest
    write_brain_manifest(tmp_path, manifest.model_copy(update={"sections": (entry,)}))
    with pytest.raises(InputError, match="must cut the brain"):
        dataset.brain("A").hemispheres()


def test_an_image_of_another_shape_is_not_written(tmp_path: Path, section: Section) -> None:
    with pytest.raises(ValueError, match=r"must have its shape \(240, 480\), got \(3, 3\)"):
        write_section(tmp_path, section, np.zeros((3, 3), np.uint8))


def test_a_half_written_surface_of_a_brain_is_refused(dataset: Dataset) -> None:
    path = surface_path(dataset.brain("A").surfaces_folder, "L", "pial")
    path.write_bytes(path.read_bytes()[:500])
    with pytest.raises(InputError, match=r"hemi-L_pial\.surf\.gii must be a whole GIfTI file"):
        dataset.brain("A").hemispheres()


def test_the_fingerprint_follows_the_index_and_not_the_place(dataset: Dataset, tmp_path: Path) -> None:
    before = fingerprint(dataset)
    assert len(before) == 16
    assert fingerprint(open_dataset(tmp_path)) == before
    write_dataset_manifest(tmp_path, dataset.manifest.model_copy(update={"origin": "seed 1"}))
    assert fingerprint(open_dataset(tmp_path)) != before
    write_dataset_manifest(tmp_path, dataset.manifest)
    manifest = dataset.brain("A").manifest
    write_brain_manifest(tmp_path, manifest.model_copy(update={"geometry": "others"}))
    assert fingerprint(open_dataset(tmp_path)) != before


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"id": 10_000_000}, "'sections.0.id' does not fit"),
        ({"shape_px": [0, 5]}, "'sections.0.shape_px.0' does not fit"),
        ({"shape_px": [10**8, 5]}, "'sections.0.shape_px.0' does not fit"),
        ({"spacing_um": 1e5}, "at most 1000 mm wide"),
        ({"spacing_um": 1e-9}, "at most 1000 mm wide"),
        ({"affine": [[float("inf")] * 4] * 4}, "'sections.0.affine.0.0' does not fit"),
    ],
)
def test_sections_that_cannot_be_are_refused(dataset: Dataset, changes: dict, said: str) -> None:
    path = brain_folder(dataset.root, "A") / "brain.json"
    index = json.loads(path.read_text())
    index["sections"][0].update(changes)
    path.write_text(json.dumps(index))
    with pytest.raises(InputError, match=said):
        _ = dataset.brain("A").sections


def test_a_label_set_fits_a_byte(dataset: Dataset) -> None:
    path = dataset.root / "dataset.json"
    index = json.loads(path.read_text())
    many = {"names": [f"a{k}" for k in range(256)], "colours": ["#000000"] * 256, "first_area": 0}
    for labels in (many, {"names": ["a"], "colours": ["#000000"], "first_area": 2}):
        path.write_text(json.dumps({**index, "label_set": labels}))
        with pytest.raises(InputError, match="a label set has at most 255 classes, areas last"):
            open_dataset(dataset.root)
