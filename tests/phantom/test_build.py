"""A phantom on disk: whole, true to itself, resumable, and not to be mixed with another."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gennari.errors import InputError
from gennari.phantom import build
from gennari.phantom.atlas import population_atlas
from gennari.phantom.build import build_phantom, claim
from gennari.phantom.individual import make_individual
from gennari.phantom.layers import LABEL_SET
from gennari.phantom.observers import agreement, two_drawings
from gennari.phantom.settings import BrainPlan
from gennari.recipes.phantoms import DEFAULT_PHANTOM, SEALED_PHANTOM
from gennari.records import IGNORE
from gennari.sources.annotations import rasterise, read_annotation
from gennari.sources.dataset import check_inside, open_dataset
from gennari.sources.sections import read_full


def _quiet(tick: object) -> None:
    pass


def test_there_are_five_individuals_one_of_them_unlabelled(phantom):
    brains = open_dataset(phantom).brains()
    roles = {brain.name: brain.manifest.role for brain in brains}
    assert roles == {"P": "pretext", "A": "labelled", "B": "labelled", "C": "labelled", "D": "labelled"}
    assert {brain.manifest.geometry for brain in brains} == {"fsaverage5"}


def test_nobody_annotates_the_unlabelled_one_and_its_truth_is_known(phantom):
    pretext, *labelled = open_dataset(phantom).brains()
    assert not (pretext.folder / "annotations").exists()
    assert not list(pretext.folder.glob("truth/*.observers.json"))
    assert all((pretext.truth(section.id).labels > 0).any() for section in pretext.sections)
    for brain in labelled:
        assert all(brain.annotation(section.id) for section in brain.sections)


def test_every_section_lies_in_its_brain_and_has_an_image_with_tissue(phantom):
    for brain in open_dataset(phantom).brains():
        hemispheres = brain.hemispheres()
        for section in brain.sections:
            check_inside(section, hemispheres)
            image = read_full(brain.image_path(section.id), section.spacing_um)
            assert image.shape == section.shape_px
            assert 0.05 < (image < 255).mean() < 0.9


def test_annotations_are_true_of_tissue_and_nearly_so_of_areas(phantom):
    said, silent, wrong = 0, 0, 0
    for brain in open_dataset(phantom).brains()[1:]:
        for section in brain.sections:
            truth = brain.truth(section.id)
            annotation = brain.annotation(section.id)
            assert annotation is not None
            partial = rasterise(read_annotation(annotation, brain.label_set), section, truth.spacing_um)
            known, cortex = partial != IGNORE, truth.labels >= LABEL_SET.first_area - 1
            np.testing.assert_array_equal(partial[known & ~cortex], truth.labels[known & ~cortex])
            assert (partial[known & cortex] >= LABEL_SET.first_area - 1).all()
            wrong += (partial[known & cortex] != truth.labels[known & cortex]).sum()
            areas = truth.labels >= LABEL_SET.first_area
            said, silent = said + (known & areas).sum(), silent + (~known & areas).sum()
    assert silent > 0
    assert 0 < wrong < 0.1 * said


def test_the_annotation_is_a_part_of_the_first_observers_drawing(whole, geometry, small):
    brain = open_dataset(whole).brain("A")
    individual = make_individual("A", geometry, small, np.random.SeedSequence(small.seed).spawn(2)[1])
    jitters = set()
    for section in brain.sections:
        truth = brain.truth(section.id)
        drawings = two_drawings(
            truth.labels, truth.spacing_um, LABEL_SET, small.annotators, individual.texture_seed, section.id
        )
        annotation = brain.annotation(section.id)
        assert annotation is not None
        partial = rasterise(read_annotation(annotation, LABEL_SET), section, truth.spacing_um)
        known = partial != IGNORE
        np.testing.assert_array_equal(partial[known], drawings.first[known])
        stored = brain.observers(section.id)
        assert stored == agreement(truth.labels, truth.spacing_um, drawings, LABEL_SET)
        jitters.add(drawings.jitter_mm)
    assert len(jitters) == 1


def test_truth_is_true_of_the_image(phantom):
    brain = open_dataset(phantom).brain("A")
    section = brain.sections[0]
    truth = brain.truth(section.id)
    assert truth.spacing_um == section.spacing_um
    image = read_full(brain.image_path(section.id), section.spacing_um)
    # pixels at the edge of tissue are partly glass, cracks are bare and dust lies anywhere
    assert ((truth.labels == 0) != (image == 255)).mean() < 0.01


def test_individuals_have_surfaces_and_atlases_of_their_own(phantom):
    a, b = (open_dataset(phantom).brain(name) for name in "AB")
    assert np.abs(a.hemispheres()[0].pial.vertices_mm - b.hemispheres()[0].pial.vertices_mm).max() > 1
    assert (a.atlas()[0] != b.atlas()[0]).any()
    assert a.atlas()[0].max() == 1


def test_the_data_set_says_what_it_was_made_from(phantom, mini_recipes):
    manifest = open_dataset(phantom).manifest
    assert '"geometries":{"P":"fsaverage5","A":"fsaverage5"' in manifest.origin
    assert manifest.name == "phantom on fsaverage5"
    assert f'"seed":{mini_recipes[0].seed}' in manifest.origin
    assert "Synthetic" in manifest.licence


@pytest.fixture(scope="module")
def small(plain_settings):
    plan = BrainPlan(name="A", role="labelled", sections=3)
    return plain_settings.model_copy(update={"brains": (plan,), "spacing_um": 256.0, "atlas_individuals": 2})


@pytest.fixture(scope="module")
def whole(geometry, small, tmp_path_factory) -> Path:
    root = tmp_path_factory.mktemp("small") / "dataset"
    build_phantom(root, {"A": geometry}, small, 1, _quiet)
    return root


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def test_a_half_built_phantom_is_finished_and_only_what_is_missing_is_drawn(whole, geometry, small, tmp_path):
    half = tmp_path / "dataset"
    shutil.copytree(whole, half)
    (half / "dataset.json").unlink()
    first, second, third = sorted((half / "brains/A/sections").iterdir())
    shutil.rmtree(second)
    (half / "brains/A/annotations" / f"{second.name[:4]}.geojson").unlink()
    kept = {path: path.stat().st_mtime_ns for folder in (first, third) for path in folder.rglob("*")}
    build_phantom(half, {"A": geometry}, small, 1, _quiet)
    assert {path: path.stat().st_mtime_ns for path in kept} == kept
    # gzip in GIfTI carries no time: everything is byte for byte what it was
    assert _contents(half) == _contents(whole)


def test_a_finished_phantom_is_left_alone(whole, geometry, small):
    before = {path: path.stat().st_mtime_ns for path in whole.rglob("*")}
    assert claim(whole, {"A": "fsaverage5"}, small)
    build_phantom(whole, {"A": geometry}, small, 1, _quiet)
    assert {path: path.stat().st_mtime_ns for path in whole.rglob("*")} == before


@pytest.mark.parametrize("change", [{"seed": 1}, {"area_contrast": 0.5}], ids=["seed", "contrast"])
def test_other_settings_in_the_same_folder_are_refused(whole, geometry, small, change):
    before = _contents(whole)
    with pytest.raises(InputError, match="was made from other ones"):
        build_phantom(whole, {"A": geometry}, small.model_copy(update=change), 1, _quiet)
    assert _contents(whole) == before


@pytest.mark.slow
def test_an_individual_that_is_asked_for_alone_is_the_one_that_stands_there_among_others(geometry, small, tmp_path):
    first, second = (BrainPlan(name=name, role="labelled", sections=1) for name in "AB")
    both, alone = tmp_path / "both", tmp_path / "alone"
    build_phantom(both, dict.fromkeys("AB", geometry), small.model_copy(update={"brains": (first, second)}), 1, _quiet)
    plan = second.model_copy(update={"individual": 1})
    build_phantom(alone, {"B": geometry}, small.model_copy(update={"brains": (plan,)}), 1, _quiet)
    # surfaces, borders, pixels, stain and its atlas, which is of the same population
    assert _contents(alone / "brains" / "B") == _contents(both / "brains" / "B")
    assert _contents(alone / "brains" / "B") != _contents(both / "brains" / "A")


@pytest.mark.slow
def test_the_sealed_individual_is_drawn_from_a_seed_that_none_of_the_five_has(geometry, small, monkeypatch, tmp_path):
    seeds: dict[str, tuple[int, ...]] = {}

    def noted(name, given, settings, seed):
        seeds[name] = (seed.entropy, *seed.spawn_key)
        return make_individual(name, given, settings, seed)

    monkeypatch.setattr(build, "make_individual", noted)
    monkeypatch.setattr(build, "run_tasks", _nothing_drawn)
    for preset in (DEFAULT_PHANTOM, SEALED_PHANTOM):
        brains = tuple(plan.model_copy(update={"sections": 1}) for plan in preset.brains)
        settings = small.model_copy(update={"brains": brains, "seed": preset.seed})
        names = [plan.name for plan in brains]
        build_phantom(tmp_path / names[0], dict.fromkeys(names, geometry), settings, 1, _quiet)
    assert seeds == {name: (1776, number) for number, name in enumerate("PABCDE", start=1)}


def _nothing_drawn(*_: object, **__: object) -> None:
    pass


@pytest.fixture(scope="module")
def mixed(geometry, small, tmp_path_factory) -> Path:
    """Brains A and C on fsaverage5, B on a geometry of another name, licence and size."""
    larger = tuple(
        replace(
            hemisphere,
            pial=replace(hemisphere.pial, vertices_mm=1.2 * hemisphere.pial.vertices_mm),
            white=replace(hemisphere.white, vertices_mm=1.2 * hemisphere.white.vertices_mm),
        )
        for hemisphere in geometry.hemispheres
    )
    other = replace(geometry, name="large", hemispheres=larger, licence="ask for it")
    plans = tuple(BrainPlan(name=name, role="labelled", sections=1) for name in "ABC")
    root = tmp_path_factory.mktemp("mixed") / "dataset"
    settings = small.model_copy(update={"brains": plans})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(build, "run_tasks", _nothing_drawn)
        build_phantom(root, {"A": geometry, "B": other, "C": geometry}, settings, 1, _quiet)
    return root


def test_brains_of_one_data_set_may_stand_on_different_geometries(mixed):
    brains = {brain.name: brain for brain in open_dataset(mixed).brains()}
    assert {name: brain.manifest.geometry for name, brain in brains.items()} == {
        "A": "fsaverage5", "B": "large", "C": "fsaverage5"
    }  # fmt: skip
    size = {name: np.ptp(brain.hemispheres()[0].pial.vertices_mm[:, 1]) for name, brain in brains.items()}
    assert size["B"] > 1.08 * max(size["A"], size["C"])


def test_a_mixed_data_set_says_who_stands_on_what(mixed):
    manifest = open_dataset(mixed).manifest
    assert manifest.name == "phantom on fsaverage5 and large"
    assert "surfaces of A, C from fsaverage5: fsaverage5 surfaces as" in manifest.licence
    assert manifest.licence.endswith("surfaces of B from large: ask for it")
    assert '"geometries":{"A":"fsaverage5","B":"large","C":"fsaverage5"}' in manifest.origin
    assert '"B": "large"' in (mixed / "phantom.json").read_text()


@pytest.mark.slow
def test_each_geometry_has_a_population_of_its_own(geometry, small, monkeypatch, tmp_path):
    made = []

    def counted(given, settings, seed):
        made.append((given.name, seed.spawn_key))
        return population_atlas(given, settings, seed)

    monkeypatch.setattr(build, "population_atlas", counted)
    monkeypatch.setattr(build, "run_tasks", _nothing_drawn)
    plans = tuple(BrainPlan(name=name, role="pretext", sections=1) for name in "ABC")
    settings = small.model_copy(update={"brains": plans})
    geometries = {"A": geometry, "B": replace(geometry, name="large"), "C": geometry}
    build_phantom(tmp_path / "new", geometries, settings, 1, _quiet)
    assert [name for name, _ in made] == ["fsaverage5", "large"]
    assert len({key for _, key in made}) == 2


def test_another_geometry_in_the_same_folder_is_refused(whole, small):
    with pytest.raises(InputError, match="was made from other ones"):
        claim(whole, {"A": "bigbrain"}, small)


def test_a_folder_with_other_files_is_refused(tmp_path, small):
    (tmp_path / "thesis.tex").write_text("mine")
    with pytest.raises(InputError, match="holds other files"):
        claim(tmp_path, {"A": "fsaverage5"}, small)
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]
