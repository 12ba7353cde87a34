"""`gennari import surfaces`, `atlas` and `annotations`: what each command tells."""

import json
import shutil
from pathlib import Path

import pytest

from gennari.cli.import_annotations import annotations
from gennari.cli.import_atlas import atlas
from gennari.cli.import_surfaces import surfaces
from gennari.errors import InputError
from gennari.sources.dataset import open_dataset


@pytest.fixture
def dataset(phantom: Path, tmp_path: Path) -> Path:
    """The phantom's brain A without surfaces, atlas and annotations, which lie in `given`."""
    shutil.copytree(phantom, tmp_path / "dataset")
    for part in ("surfaces", "atlas", "annotations"):
        shutil.move(tmp_path / "dataset/brains/A" / part, tmp_path / "given" / part)
    return tmp_path / "dataset"


def test_what_a_brain_lost_is_imported_again(dataset: Path, tmp_path: Path, capsys) -> None:
    surfaces(tmp_path / "given/surfaces", brain="A", dataset=dataset)
    assert "R: 10242 vertices" in (said := capsys.readouterr().out)
    assert "inflated surface as given" in said
    atlas(str(tmp_path / "given/atlas"), brain="A", dataset=dataset)
    assert "% of the cortex" in capsys.readouterr().out
    annotations(tmp_path / "given/annotations", brain="A", dataset=dataset)
    assert capsys.readouterr().out.count("mm²") >= 2
    brain = open_dataset(dataset).brain("A")
    assert len(brain.hemispheres()) == len(brain.atlas()) == 2
    for given in (tmp_path / "given/annotations").iterdir():
        ours, before = (
            json.loads((folder / given.name).read_text()) for folder in (dataset / "brains/A/annotations", given.parent)
        )
        assert len(ours["features"]) == len(before["features"])


def test_rename_takes_two_names(dataset: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="OLD=NEW"):
        annotations(tmp_path / "given/annotations", brain="A", dataset=dataset, rename=["V1"])
    with pytest.raises(InputError, match="OLD=AREA"):
        atlas(str(tmp_path / "given/atlas"), brain="A", dataset=dataset, rename=["V1"])
