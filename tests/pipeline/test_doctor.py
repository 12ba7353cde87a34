import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from shapely.geometry import box

from gennari.pipeline.check_picture import draw_looked
from gennari.pipeline.check_sections import check_series, check_spacing, spread_out
from gennari.pipeline.check_speed import check_disk, check_speed, patches_per_second
from gennari.pipeline.doctor import examine
from gennari.pipeline.findings import Finding, told, worst
from gennari.recipes.presets import DEMO
from gennari.records import LabelSet
from gennari.sources.annotations import Annotated, write_annotation
from gennari.sources.atlas import write_atlas
from gennari.sources.dataset import Dataset, annotation_path, open_dataset, write_section

RECIPE = DEMO.model_copy(
    update={
        "texture": DEMO.texture.model_copy(update={"spacing_um": 100.0, "patch_px": 16}),
        "patches": DEMO.patches.model_copy(update={"count": 10}),
    }
)


def of(findings: tuple[Finding, ...], what: str) -> list[Finding]:
    return [finding for finding in findings if finding.what == what]


def change(dataset: Dataset, alter: Callable[[dict], None]) -> Dataset:
    path = dataset.root / "brains/A/brain.json"
    manifest = json.loads(path.read_text())
    alter(manifest)
    path.write_text(json.dumps(manifest))
    return open_dataset(dataset.root)


@pytest.fixture
def whole(shell_dataset: Dataset, shells, label_names) -> Dataset:
    """With an atlas and annotations too: nothing is to be mended."""
    above = [hemisphere.mid.vertices_mm[:, 2] > 0 for hemisphere in shells]
    write_atlas(
        shell_dataset.root / "brains/A/atlas",
        [np.column_stack([up, ~up]).astype(np.float32) for up in above],
        label_names,
    )
    pieces = [Annotated(k, box(50 * k, 20, 50 * k + 30, 50)) for k in range(4)]
    for number in (3401, 3601):
        write_annotation(annotation_path(shell_dataset.root / "brains/A", number), pieces, label_names)
    return change(shell_dataset, lambda manifest: manifest.update(atlas=True))


@pytest.fixture
def label_names(shell_dataset: Dataset) -> LabelSet:
    return shell_dataset.label_set


def test_a_sound_data_set_has_nothing_to_mend(whole: Dataset, ticks: list, tmp_path: Path) -> None:
    examined = examine(whole, RECIPE, 2, 0, ticks.append)
    assert [finding for finding in examined.findings if finding.level != "good" and finding.what != "reading"] == []
    assert [one.section.id for one in examined.looked] == [3401, 3601]
    assert all(one.fit.median_mm < 0.2 for one in examined.looked)
    assert "9 mm² in 2; " in of(examined.findings, "classes")[0].found.replace("18 mm²", "9 mm²")
    assert of(examined.findings, "annotations")[0].found == "2 of 3 sections annotated (labelled brain)"
    assert "100 % (L) and 100 % (R)" in of(examined.findings, "atlas")[0].found
    draw_looked(whole, examined.looked, tmp_path / "figure.png")
    with Image.open(tmp_path / "figure.png") as image:
        assert image.width > 500
        assert len(image.convert("RGB").getcolors(1 << 20) or ()) > 50


def test_an_image_upside_down_is_wrong_and_told_how_to_mend(whole: Dataset, ticks: list) -> None:
    sections = whole.brain("A").sections
    for section in sections:
        image = np.full(section.shape_px, 255, np.uint8)
        image[20:100, 40:440] = 120
        write_section(whole.root, section, image, levels=1)
    examined = examine(whole, RECIPE, 1, 0, ticks.append)
    (finding,) = of(examined.findings, "registration")
    assert finding.level == "wrong"
    assert "check the section's affine" in finding.mend or "import it so" in finding.mend


def test_missing_images_are_wrong(whole: Dataset, ticks: list) -> None:
    entry = whole.brain("A").image_path(3501)
    entry.rename(entry.with_name("elsewhere"))
    findings = examine(whole, RECIPE, 1, 0, ticks.append).findings
    (finding,) = of(findings, "images")
    assert finding.level == "wrong"
    assert "1 of 3 cannot be read (3501)" in finding.found


def test_missing_surfaces_are_wrong(whole: Dataset, ticks: list) -> None:
    whole.brain("A").surfaces_folder.rename(whole.root / "elsewhere")
    findings = examine(whole, RECIPE, 1, 0, ticks.append).findings
    assert of(findings, "surfaces")[0].level == "wrong"
    assert worst(findings) == "wrong"


def test_an_empty_image_is_doubtful(whole: Dataset, ticks: list) -> None:
    section = whole.brain("A").section(3501)
    write_section(whole.root, section, np.full(section.shape_px, 255, np.uint8), levels=1)
    (finding,) = of(examine(whole, RECIPE, 1, 0, ticks.append).findings, "registration")
    assert finding.level == "doubtful"
    assert "section 3501: a section must show tissue" in finding.found


def test_without_annotations_a_labelled_brain_is_wrong(shell_dataset: Dataset, ticks: list) -> None:
    findings = examine(shell_dataset, RECIPE, 1, 0, ticks.append).findings
    assert of(findings, "annotations")[0].level == "wrong"
    assert of(findings, "atlas")[0].level == "doubtful"
    pretext = change(shell_dataset, lambda manifest: manifest.update(role="pretext"))
    assert of(examine(pretext, RECIPE, 1, 0, ticks.append).findings, "annotations")[0].level == "good"


def test_classes_that_cannot_be_learned_are_named(whole: Dataset, label_names: LabelSet, ticks: list) -> None:
    pieces = [Annotated(2, box(0, 0, 50, 50)), Annotated(1, box(60, 0, 65, 5))]
    write_annotation(annotation_path(whole.root / "brains/A", 3401), pieces, label_names)
    annotation_path(whole.root / "brains/A", 3601).unlink()
    findings = of(examine(whole, RECIPE, 1, 0, ticks.append).findings, "classes")
    assert findings[0].found == "other cortex 0 mm² in 1; hOc1 25 mm² in 1 sections"
    assert [(one.level, one.found) for one in findings[1:]] == [
        ("doubtful", "never annotated: background, hOc2"),
        ("doubtful", "hardly annotated: other cortex (0.25 mm²)"),
        ("doubtful", "in one section or one brain only: hOc1"),
    ]


def test_an_unknown_class_in_an_annotation_is_wrong(whole: Dataset, ticks: list) -> None:
    path = annotation_path(whole.root / "brains/A", 3401)
    path.write_text(path.read_text().replace("hOc2", "V2"))
    findings = of(examine(whole, RECIPE, 1, 0, ticks.append).findings, "annotations")
    assert findings[0].level == "wrong"
    assert "'V2'" in findings[0].found


def test_an_atlas_of_another_mesh_of_one_side_or_without_an_area_is_told(
    whole: Dataset, shells, label_names: LabelSet, ticks: list
) -> None:
    def level(left: np.ndarray, right: np.ndarray) -> tuple[str, str]:
        write_atlas(whole.root / "brains/A/atlas", [left, right], label_names)
        (finding,) = of(examine(whole, RECIPE, 1, 0, ticks.append).findings, "atlas")
        return finding.level, finding.found

    count = len(shells[0].medial_wall)
    full, none = np.full((count, 2), 0.5, np.float32), np.zeros((count, 2), np.float32)
    assert level(full[:-1], full)[0] == "wrong"
    assert level(none, full)[0] == "wrong"
    assert level(full * [1, 0], full * [1, 0]) == (
        "doubtful",
        "some area is expected on 100 % (L) and 100 % (R) of the cortex; never hOc2",
    )


def test_pixels_coarser_than_the_recipe_and_affines_that_scale_are_wrong(whole: Dataset) -> None:
    brain = whole.brain("A")
    assert [finding.level for finding in check_spacing(brain, 100.0)] == ["good"]
    assert [finding.level for finding in check_spacing(brain, 32.0)] == ["wrong"]

    def stretch(manifest: dict) -> None:
        for row in manifest["sections"][0]["affine"]:
            row[1] *= 1.0583

    scaled = change(whole, stretch).brain("A")
    assert "becomes 1.000 x 1.058 µm" in check_spacing(scaled, 100.0)[0].found


def test_gaps_and_sections_in_one_plane_are_told(whole: Dataset) -> None:
    def at(*places_mm: float) -> Finding:
        def alter(manifest: dict) -> None:
            first = manifest["sections"][0]
            manifest["sections"] = [json.loads(json.dumps(first)) for _ in places_mm]
            for number, (entry, y) in enumerate(zip(manifest["sections"], places_mm, strict=True)):
                entry["id"] = number
                entry["affine"][1][3] = y

        (finding,) = check_series(change(whole, alter).brain("A"))
        return finding

    assert at(0, 1, 2, 3, 4).level == "good"
    gap = at(0, 1, 2, 6, 7)
    assert gap.level == "doubtful"
    assert "1 gaps, such as 4.0 mm between 2 and 3" in gap.found
    assert at(0, 1, 1, 2).level == "wrong"


def test_sections_to_look_at_are_spread_over_the_series(whole: Dataset) -> None:
    section = whole.brain("A").sections[0]
    series = [replace(section, id=number) for number in range(100)]
    assert [one.id for one in spread_out(series, 4)] == [12, 37, 62, 87]
    assert spread_out(series[:2], 4) == series[:2]


def test_reading_is_held_against_what_training_takes(whole: Dataset, rng: np.random.Generator) -> None:
    brain = whole.brain("A")
    assert patches_per_second(brain, 16, 100.0, rng, seconds=0.01, most=5) > 0
    enough = check_speed(brain, 200_000, 1019, 2.0, rate=600.0, cores=2)
    slow = check_speed(brain, 200_000, 1019, 2.0, rate=200.0, cores=2)
    few = check_speed(brain, 1_000, 1019, 2.0, rate=200.0, cores=2)
    assert (enough.level, slow.level, few.level) == ("good", "doubtful", "good")
    assert few.found.startswith("200 patches of 1019 px at 2 µm a second and process; all 1,000 stay in memory")
    assert "about 7 on a CPU core and 1002 on a fast GPU, which 6 processes would feed" in slow.found
    assert "gennari pack" in slow.mend


def test_a_disk_needs_room_for_a_pack(whole: Dataset) -> None:
    assert check_disk(whole, 10, 16).level == "good"
    assert check_disk(whole, 10**9, 10**4).level == "doubtful"


def test_findings_are_told_with_the_worst_mend_first() -> None:
    findings = [
        Finding("a", "good", "x"),
        Finding("b", "doubtful", "y", "do y"),
        Finding("c", "wrong", "z", "do z", "A"),
    ]
    text = told(findings)
    assert text.index("must: A, c: do z") < text.index("may: b: do y")
    assert "BAD  A: c: z" in text
    assert worst(findings) == "wrong"
    assert worst([]) == "good"
    assert told(findings[:1]).endswith("What to do:\n  nothing")
