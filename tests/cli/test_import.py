"""`gennari import sections` and `gennari phantom --as bigbrain-release` as a user calls them."""

import json
from pathlib import Path

import numpy as np
import pytest

from gennari.cli import phantom as phantom_command
from gennari.sources.dataset import open_dataset
from gennari.sources.tiff import write_tiff


@pytest.fixture
def scans(rng: np.random.Generator, tmp_path: Path) -> Path:
    for number in (12, 13, 14):
        image = rng.integers(0, 256, (40, 50), dtype=np.uint8)
        write_tiff(tmp_path / "scans" / f"rat3_s{number:03d}_20x.tif", image, (1, 4))
    return tmp_path / "scans"


def test_each_kind_has_its_line(gennari) -> None:
    lines = gennari("import", "--help").out.splitlines()
    for kind in ("sections", "surfaces", "atlas", "annotations"):
        (line,) = [line for line in lines if line.startswith(f"│ {kind} ")]
        assert len(line.strip("│ ").split()) > 3


def test_every_option_reaches_the_data_set(gennari, scans: Path, tmp_path: Path) -> None:
    table = tmp_path / "areas.csv"
    table.write_text("TE 1.0\n")
    said = gennari(
        "import", "sections", scans, "--brain", "R3", "--dataset", tmp_path / "data", "--role", "pretext",
        "--ids", "12,14", "--id-pattern", r"_s(\d+)_", "--spacing-um", "2.5", "--y0-mm", "-70.5", "--y-step-mm", "0.5",
        "--left-mm", "-3", "--top-mm=-4.5", "--quality", "poor", "--licence", "CC0",
        "--areas", table,
    )  # fmt: skip
    assert said.code == 0, said
    assert said.out == (
        f"2 section(s) of R3, 12 to 14, at 2.5 µm, are in {tmp_path / 'data'}; the images stay where they are\n"
    )
    dataset = open_dataset(tmp_path / "data")
    brain = dataset.brain("R3")
    assert (dataset.manifest.licence, brain.manifest.role) == ("CC0", "pretext")
    assert dataset.label_set.areas == ("TE 1.0",)
    assert [(section.id, section.quality) for section in brain.sections] == [(12, "poor"), (14, "poor")]
    np.testing.assert_allclose(brain.section(14).to_brain.matrix[:3, 3], [-3, -63.5, -4.5])


def test_an_affine_option_reaches_the_data_set(gennari, scans: Path, tmp_path: Path) -> None:
    (tmp_path / "a_0013.json").write_text(json.dumps([[0.002, 0, 0, 1], [0, 0, 1, 2], [0, -0.002, 0, 3], [0, 0, 0, 1]]))
    arguments = ["--id-pattern", r"_s(\d+)_", "--ids", "13", "--affine", tmp_path / "a_{id:04d}.json"]
    said = gennari("import", "sections", scans, "--brain", "R3", "--dataset", tmp_path / "data", *arguments)
    assert said.code == 0, said
    section = open_dataset(tmp_path / "data").brain("R3").section(13)
    assert section.spacing_um == pytest.approx(2.0)
    np.testing.assert_allclose(section.to_brain.matrix[:3, 3], [1, 2, 3])


def test_what_is_missing_is_said_and_nothing_is_made(refused, scans: Path, tmp_path: Path) -> None:
    target = ["--brain", "R3", "--dataset", tmp_path / "data"]
    assert "give --affine FILE, or --y0-mm" in refused("import", "sections", scans / "rat3_s012_20x.tif", *target)
    assert "but there is none; check the path" in refused("import", "sections", tmp_path / "nowhere", *target)
    assert "--brain" in refused("import", "sections", scans)
    assert 'Unknown command "secions"' in refused("import", "secions", scans)
    assert not (tmp_path / "data").exists()


def test_a_release_is_made_with_so_many_sections(gennari, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[tuple[Path, int]] = []
    monkeypatch.setattr(phantom_command, "make_release", lambda out, sections, tick: asked.append((out, sections)))
    assert gennari("phantom", tmp_path / "r", "--as", "bigbrain-release").code == 0
    assert gennari("phantom", tmp_path / "r", "--as", "bigbrain-release", "--sections", 3).code == 0
    assert asked == [(tmp_path / "r", 8), (tmp_path / "r", 3)]


@pytest.mark.parametrize("option", ["--surfaces=x", "--on=A", "--preset=tiny", "--workers=2"])
def test_options_of_data_sets_do_not_go_with_a_release(refused, option: str, tmp_path: Path) -> None:
    said = refused("phantom", tmp_path / "r", "--as", "bigbrain-release", option)
    assert f"{option.split('=')[0]} is an option of data sets, got it with --as bigbrain-release" in said


def test_the_number_of_sections_goes_only_with_a_release(refused, tmp_path: Path) -> None:
    said = refused("phantom", tmp_path / "r", "--sections", 3)
    assert "--sections is an option of a release, got it without --as bigbrain-release" in said
    assert "at least one section, got 0" in refused(
        "phantom", tmp_path / "r", "--as", "bigbrain-release", "--sections", 0
    )
