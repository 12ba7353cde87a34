import sys
from types import SimpleNamespace

import nibabel as nib
import numpy as np
import pytest

from gennari.errors import InputError
from gennari.sources.siibra_maps import siibra_maps


class Maps:
    """What siibra's statistical maps look like from outside."""

    regions = ("Area hOc1 (V1, 17, CalcS) left",)

    def fetch(self, region: str) -> nib.Nifti1Image:
        if region not in self.regions:
            raise RuntimeError("no network")
        return nib.Nifti1Image(np.ones((2, 2, 2), np.float32), np.eye(4))


def test_maps_are_asked_for_by_parcellation_space_and_kind(monkeypatch) -> None:
    asked = {}

    def get_map(**words: str) -> Maps | None:
        asked.update(words)
        return Maps() if words["parcellation"] == "julich 3.1" else None

    monkeypatch.setitem(sys.modules, "siibra", SimpleNamespace(get_map=get_map))
    maps = siibra_maps("julich 3.1")
    assert asked == {"parcellation": "julich 3.1", "space": "mni152", "maptype": "statistical"}
    assert maps.names == Maps.regions
    assert maps.fetch(maps.names[0]).shape == (2, 2, 2)
    with pytest.raises(InputError, match="are you online"):
        maps.fetch("x")
    with pytest.raises(InputError, match="has none"):
        siibra_maps("x")


def test_what_siibra_raises_becomes_a_sentence(monkeypatch) -> None:
    def get_map(**words: str) -> None:
        raise LookupError(f"nothing for {words['parcellation']}")

    monkeypatch.setitem(sys.modules, "siibra", SimpleNamespace(get_map=get_map))
    with pytest.raises(InputError, match="nothing for x"):
        siibra_maps("x")


def test_without_siibra_the_extra_is_named(monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "siibra", None)
    with pytest.raises(InputError, match=r"gennari\[atlas\]"):
        siibra_maps("julich 3.1")
