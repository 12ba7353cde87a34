import json
from pathlib import Path

import pytest
from pydantic import BaseModel

from gennari.sources.atomic import atomic_path, remove_leftovers, write_json


class Point(BaseModel):
    x: int
    name: str


def write_half(path: Path, folder: bool) -> None:
    with atomic_path(path) as temporary:
        if folder:
            temporary.mkdir()
        (temporary / "a" if folder else temporary).write_text("half")
        raise RuntimeError("stop")


def test_a_file_appears_whole_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    with atomic_path(tmp_path / "deep" / "a.txt") as temporary:
        assert temporary.suffix == ".txt"
        temporary.write_text("whole")
        assert not (tmp_path / "deep" / "a.txt").exists()
    assert [file.name for file in (tmp_path / "deep").iterdir()] == ["a.txt"]
    assert (tmp_path / "deep" / "a.txt").read_text() == "whole"


def test_an_error_keeps_the_old_file_and_removes_the_new(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("old")
    with pytest.raises(RuntimeError, match="stop"):
        write_half(tmp_path / "a.txt", folder=False)
    assert [file.name for file in tmp_path.iterdir()] == ["a.txt"]
    assert (tmp_path / "a.txt").read_text() == "old"


def test_a_folder_replaces_a_folder(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with atomic_path(tmp_path / "f") as temporary:
            (temporary / "sub").mkdir(parents=True)
            (temporary / "sub" / f"{text}.txt").write_text(text)
    assert [file.name for file in tmp_path.iterdir()] == ["f"]
    assert [file.name for file in (tmp_path / "f" / "sub").iterdir()] == ["new.txt"]


def test_an_error_removes_half_a_folder(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="stop"):
        write_half(tmp_path / "f", folder=True)
    assert list(tmp_path.iterdir()) == []


def test_a_block_that_writes_nothing_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="nothing is there"), atomic_path(tmp_path / "a"):
        pass


def test_json_takes_models_and_plain_values(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", Point(x=1, name="hOc1 µ"))
    write_json(tmp_path / "b.json", [1, "zwei"])
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"x": 1, "name": "hOc1 µ"}
    assert json.loads((tmp_path / "b.json").read_text()) == [1, "zwei"]


def test_leftovers_of_killed_writers_are_removed_and_nothing_else(tmp_path: Path):
    names = (
        ".part-0123abcd-a.txt",
        ".part-0123abcd-ba.txt",
        ".part-0123abcd-a.txt.old",
        "a.txt",
        "part-0123-a.txt",
    )
    for name in names:
        (tmp_path / name).write_text("x")
    (tmp_path / ".part-89abcdef-a.txt").mkdir()
    remove_leftovers(tmp_path / "a.txt")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(names[1:])


def test_a_folder_that_was_being_replaced_goes_once_its_replacement_stands(tmp_path: Path):
    old = tmp_path / ".part-0123abcd-maps.old"
    old.mkdir()
    remove_leftovers(tmp_path / "maps")
    assert old.exists(), "it is the only one"
    (tmp_path / "maps").mkdir()
    (tmp_path / ".part-0123abcd-maps").mkdir()
    remove_leftovers(tmp_path / "maps")
    assert [path.name for path in tmp_path.iterdir()] == ["maps"]
