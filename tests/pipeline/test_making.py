"""Making a phantom from a preset: by name, once a folder."""

from dataclasses import replace

import pytest

from gennari.errors import InputError
from gennari.phantom.geometry import fsaverage_geometry
from gennari.pipeline import making
from gennari.pipeline.making import brain_names, make_phantom
from gennari.recipes import phantoms


def test_a_finished_phantom_says_so(phantom, ticks):
    before = {path: path.stat().st_mtime_ns for path in phantom.rglob("*") if path.name != ".lock"}
    make_phantom(phantom, None, "mini", 1, ticks.append)
    assert [tick.note for tick in ticks] == ["already finished, nothing to do"]
    assert {path: path.stat().st_mtime_ns for path in phantom.rglob("*") if path.name != ".lock"} == before


def test_another_preset_in_its_folder_is_refused(phantom, ticks):
    with pytest.raises(InputError, match="was made from other ones"):
        make_phantom(phantom, None, "tiny", 1, ticks.append)


def test_an_unknown_preset_is_refused_before_anything_is_made(tmp_path, ticks):
    with pytest.raises(InputError, match=r"one of demo, .*got 'huge'"):
        make_phantom(tmp_path / "new", None, "huge", 1, ticks.append)
    assert not (tmp_path / "new").exists()


def _preset(monkeypatch, mini_recipes, **geometries: str) -> None:
    """The preset 'mini' with the geometry of some brains said."""
    settings = mini_recipes[0]
    plans = tuple(plan.model_copy(update={"geometry": geometries.get(plan.name)}) for plan in settings.brains)
    monkeypatch.setattr(phantoms, "PHANTOMS", {"mini": settings.model_copy(update={"brains": plans})})


@pytest.fixture
def stands(monkeypatch, mini_recipes, geometry_names):
    """Which geometry each brain is built on, by the command's arguments; nothing is drawn."""

    def asked(tmp_path, surfaces, on=(), **geometries):
        _preset(monkeypatch, mini_recipes, **geometries)
        make_phantom(tmp_path / "new", surfaces, "mini", 1, lambda tick: None, on)
        return "".join(geometry_names[-1][name][0] for name in "PABCD")

    return asked


@pytest.fixture
def geometry_names(monkeypatch) -> list[dict[str, str]]:
    found: list[dict[str, str]] = []
    given = replace(fsaverage_geometry(0), name="given")
    monkeypatch.setattr(making, "folder_geometry", lambda folder: given)

    def build(root, geometries, settings, workers, tick):
        found.append({name: geometry.name for name, geometry in geometries.items()})

    monkeypatch.setattr(making, "build_phantom", build)
    return found


@pytest.mark.parametrize(
    ("surfaces", "on", "pinned", "expected"),
    [
        (False, (), {}, "fffff"),
        (True, (), {}, "ggggg"),
        (True, ("A", "B"), {}, "fggff"),
        (True, (), {"P": "default"}, "fgggg"),
        (True, ("A",), {"P": "given"}, "ggfff"),
    ],
    ids=["no surfaces", "all", "on A and B", "P pinned to fsaverage5", "P pinned to the surfaces"],
)
def test_brains_stand_where_the_command_and_the_preset_say(tmp_path, stands, surfaces, on, pinned, expected):
    assert stands(tmp_path, tmp_path / "given" if surfaces else None, on, **pinned) == expected


@pytest.mark.parametrize(
    ("surfaces", "on", "pinned", "match"),
    [
        (False, ("A",), {}, "--on says which brains stand on given surfaces, got A and none; add --surfaces"),
        (True, ("A", "Z"), {}, r"brains of the phantom \(P, A, B, C, D\), got Z; correct --on"),
        (False, (), {"B": "given"}, "brain B of this preset stands on given surfaces, got none; add --surfaces"),
        (True, ("B",), {"B": "default"}, "brain B of this preset stands on fsaverage5, got it in --on; take it out"),
    ],
    ids=["on without surfaces", "unknown brain", "preset needs surfaces", "preset says elsewhere"],
)
def test_what_cannot_stand_is_refused_before_anything_is_made(tmp_path, stands, surfaces, on, pinned, match):
    with pytest.raises(InputError, match=match):
        stands(tmp_path, tmp_path / "given" if surfaces else None, on, **pinned)
    assert not (tmp_path / "new").exists()


def test_brains_are_listed_with_commas():
    assert brain_names("A, B,") == ("A", "B")
    assert brain_names(None) == ()
