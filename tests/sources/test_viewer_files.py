import json
from types import SimpleNamespace

import pytest

from gennari.errors import InputError
from gennari.sources.viewer_files import BIGBRAIN_SPACE, neuroglancer_state, siibra_section

URL = "http://127.0.0.1:9000/neuroglancer/A/3551"


def test_a_state_shows_areas_in_their_colours_over_the_section(section, label_set):
    state = json.loads(json.dumps(neuroglancer_state(section, label_set, 50.0, f"{URL}/image", f"{URL}/areas")))
    image, areas = state["layers"]
    assert (image["type"], image["source"]) == ("image", f"precomputed://{URL}/image")
    assert (areas["type"], areas["source"]) == ("segmentation", f"precomputed://{URL}/areas")
    assert areas["segments"] == ["3", "4"]
    assert areas["segmentColors"] == {"1": "#000000", "2": "#808080", "3": "#ff0000", "4": "#0000ff"}
    assert state["dimensions"]["x"] == [1e-6, "m"]
    assert state["position"] == [24_000.0, 12_000.0, 10.0]
    assert state["crossSectionScale"] == 60.0


def test_a_siibra_section_says_space_and_provider(section):
    found = siibra_section(section, f"{URL}/image", BIGBRAIN_SPACE, "CC BY-NC-SA 4.0")
    assert found["@type"] == "siibra/feature/section/v0.1"
    assert found["modality"] == "cell body staining"
    assert found["providers"] == {"neuroglancer/precomputed": f"{URL}/image"}
    assert found["space"] == {"@id": BIGBRAIN_SPACE}
    assert "CC BY-NC-SA 4.0" in found["description"]


def test_an_address_that_siibra_cannot_fetch_is_refused(section):
    with pytest.raises(InputError, match=r"siibra fetches volumes by http or https, but .* --base-url"):
        siibra_section(section, "file:///export/image", BIGBRAIN_SPACE, "")


@pytest.mark.filterwarnings("default")
def test_siibra_builds_its_section_from_it(section, monkeypatch):
    factory = pytest.importorskip("siibra.configuration.factory", reason="needs the extra [atlas]").Factory
    space = pytest.importorskip("siibra.core.space").Space
    known = SimpleNamespace(species=pytest.importorskip("siibra.commons").Species.HOMO_SAPIENS, name="BigBrain")
    # spaces are looked up on a server; nothing else of siibra's is replaced
    monkeypatch.setattr(space, "get_instance", classmethod(lambda cls, spec: known))
    found = factory.from_json(siibra_section(section, f"{URL}/image", BIGBRAIN_SPACE, "CC BY-NC-SA 4.0"))
    assert type(found).__name__ == "CellbodyStainedSection"
    assert found.name == "A 3551 (cell body staining)"
    (provider,) = found._providers.values()
    assert provider._url == f"{URL}/image"
