"""Probability maps by way of siibra (extra [atlas]), which fetches and caches them itself."""

from dataclasses import dataclass
from importlib import import_module
from typing import Any

from nibabel.spatialimages import SpatialImage

from gennari.errors import InputError
from gennari.sources.volumes import check_volume

SPACE = "mni152"


@dataclass(frozen=True, kw_only=True)
class SiibraMaps:
    """Statistical maps of a parcellation; each is fetched when it is asked for.

    Attributes:
        maps: siibra's own object.
    """

    maps: Any

    @property
    def names(self) -> tuple[str, ...]:
        """Of its regions, such as "Area hOc1 (V1, 17, CalcS) left"."""
        return tuple(self.maps.regions)

    def fetch(self, name: str) -> SpatialImage:
        """The map of a region; raises InputError if siibra cannot fetch it."""
        try:
            image = self.maps.fetch(region=name)
        except Exception as error:  # siibra raises errors of many kinds of its own
            raise InputError(f"siibra must fetch the map of '{name}', but: {error}; are you online?") from error
        check_volume(image, name)
        return image


def siibra_maps(parcellation: str, space: str = SPACE) -> SiibraMaps:
    """The statistical maps that siibra knows of a parcellation.

    Args:
        parcellation: as siibra finds it, such as "julich 3.1".
        space: reference space of the maps.

    Raises:
        InputError: siibra is not installed, or knows no such maps.
    """
    try:
        siibra: Any = import_module("siibra")
    except ImportError as error:
        raise InputError(
            "atlases by name come through siibra, which is not installed; pip install 'gennari[atlas]'"
        ) from error
    try:
        maps = siibra.get_map(parcellation=parcellation, space=space, maptype="statistical")
        known = maps is not None
    except Exception as error:  # as above
        raise InputError(f"siibra must know statistical maps of '{parcellation}' in {space}, but: {error}") from error
    if not known:
        raise InputError(f"siibra must know statistical maps of '{parcellation}' in {space}, but has none")
    return SiibraMaps(maps=maps)
