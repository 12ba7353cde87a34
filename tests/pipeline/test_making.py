"""Making a phantom from a preset: by name, once a folder."""

import pytest

from gennari.errors import InputError
from gennari.pipeline.making import make_phantom


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
