from pathlib import Path

import pytest
from pydantic import BaseModel, ConfigDict, RootModel

from gennari.errors import InputError
from gennari.sources import documents
from gennari.sources.documents import parse, read_json, read_toml


class Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    id: int
    spacing_um: float = 32.0


class Texts(RootModel[list[str]]):
    pass


class Brain(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)
    name: str
    sections: tuple[Section, ...] = ()
    best: Section | None = None
    by_name: dict[str, Section] = {}


def test_what_fits_is_read(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"name": "A", "sections": [{"id": 3}]}')
    (tmp_path / "a.toml").write_text('name = "A"\n[[sections]]\nid = 3\n')
    expected = Brain(name="A", sections=(Section(id=3),))
    assert read_json(tmp_path / "a.json", Brain) == expected
    assert read_toml(tmp_path / "a.toml", Brain) == expected


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a\.json must be a file, but there is none"):
        read_json(tmp_path / "a.json", Brain)


def test_truncated_json_says_where_it_breaks_off(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"name": "A", "sections": [{"id"')
    with pytest.raises(InputError, match=r"a\.json must be whole JSON.*line 1, column 33"):
        read_json(tmp_path / "a.json", Brain)


def test_binary_and_broken_toml_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match="must be UTF-8 text, but byte 0 is not"):
        read_json(tmp_path / "a.json", Brain)
    (tmp_path / "a.toml").write_text("name = ")
    with pytest.raises(InputError, match=r"a\.toml must be TOML"):
        read_toml(tmp_path / "a.toml", Brain)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ({"name": "A", "section": []}, r"f: unknown key 'section'; did you mean 'sections'\?"),
        ({"name": "A", "sections": [{"id": 1, "spacing": 2}]}, r"'sections\.0\.spacing'; did you mean 'spacing_um'\?"),
        ({"name": "A", "best": {"id": 1, "idd": 2}}, r"'best\.idd'; did you mean 'id'\?"),
        ({"name": "A", "by_name": {"x": {"id": 1, "spacin_um": 2}}}, r"did you mean 'spacing_um'\?"),
        ({"name": "A", "qqq": 1}, "valid keys: best, by_name, name, sections"),
        ({}, "the key 'name' is required, but it is missing"),
        ({"name": "A", "sections": [{"id": "x"}]}, r"'sections\.0\.id' does not fit: input should be .*got 'x'"),
        ({"nam": "A"}, r"unknown key 'nam'; did you mean 'name'\? \(and 1 more\)"),
        (3, "'the document' does not fit"),
    ],
)
def test_a_misfit_is_one_sentence(data: object, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        parse(data, Brain, "f")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[" * 200_000, "JSON of a sane depth and sane numbers"),
        ("1" * 10_000, "JSON of a sane depth and sane numbers"),
        (r'["\ud83d"]', "half a character"),
    ],
)
def test_json_that_python_stumbles_over_is_refused(tmp_path: Path, text: str, said: str) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError, match=said):
        read_json(tmp_path / "a.json", Texts)


def test_whole_characters_may_be_escaped(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(r'["\ud83e\udde0"]')
    assert read_json(tmp_path / "a.json", Texts).root == ["🧠"]


def test_a_text_file_that_would_fill_the_memory_is_refused(tmp_path: Path) -> None:
    with (tmp_path / "a.json").open("wb") as file:
        file.truncate(documents.MAX_BYTES + 1)  # a sparse file: it takes no disk
    with pytest.raises(InputError, match=r"may take 128 MB, but .* takes 128"):
        read_json(tmp_path / "a.json", Texts)


def test_a_message_shows_little_of_a_large_value() -> None:
    deep: list[object] = []
    for _ in range(5000):
        deep = [deep]
    with pytest.raises(InputError) as caught:
        parse(deep, int, "here")
    assert len(str(caught.value)) < 200
