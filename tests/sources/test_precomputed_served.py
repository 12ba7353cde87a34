import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest
import tensorstore as ts

from gennari.errors import InputError
from gennari.records import IGNORE, LabelSet
from gennari.sources.precomputed_files import CHUNK_PX, segment_id, segment_properties
from gennari.sources.precomputed_served import chunk_bytes, chunk_start, volume_info

LABELS = LabelSet(names=("glass", "hOc1"), colours=("#ffffff", "#ff0010"), first_area=1)


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format, *arguments):
        pass


@pytest.mark.parametrize("segmentation", [False, True])
def test_tensorstore_reads_what_is_served_pixel_by_pixel(rng, tmp_path, segmentation):
    values = rng.integers(0, 256, (CHUNK_PX + 3, CHUNK_PX + 5), dtype=np.uint8)
    info = volume_info([(21.1667, values.shape)], segmentation)
    (tmp_path / "0").mkdir()
    (tmp_path / "info").write_text(json.dumps(info))
    for r0 in (0, CHUNK_PX):
        for c0 in (0, CHUNK_PX):
            piece = values[r0 : r0 + CHUNK_PX, c0 : c0 + CHUNK_PX]
            name = f"{c0}-{c0 + piece.shape[1]}_{r0}-{r0 + piece.shape[0]}_0-1"
            assert chunk_start(name) == (r0, c0)
            (tmp_path / "0" / name).write_bytes(chunk_bytes(piece, segmentation))
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        store = {"driver": "http", "base_url": f"http://127.0.0.1:{server.server_address[1]}/"}
        volume = ts.open({"driver": "neuroglancer_precomputed", "kvstore": store}).result()
        read = np.asarray(volume.read().result())[:, :, 0, 0].T
        server.shutdown()
    assert volume.dimension_units[0].multiplier == pytest.approx(21166.7)
    expected = np.where(values == IGNORE, 0, values + np.uint8(1)) if segmentation else values
    assert np.array_equal(read, expected)


def test_a_segmentation_knows_its_names():
    assert volume_info([(1.0, (2, 2))], True)["segment_properties"] == "segment_properties"
    assert "segment_properties" not in volume_info([(1.0, (2, 2))], False)
    inline = segment_properties(LABELS)["inline"]
    assert inline["ids"] == ["1", "2"]
    assert inline["properties"][0] == {"id": "label", "type": "label", "values": ["glass", "hOc1"]}
    assert inline["properties"][1] | {"id": "", "type": ""} == {
        "id": "",
        "type": "",
        "tags": ["area", "tissue"],
        "values": [[1], [0]],
    }
    assert segment_id(0) == 1  # 0 is nothing


@pytest.mark.parametrize(
    "name", ["info", "0-512_0-512", "1-513_0-512_0-1", "0-512_0-512_1-2", "../../etc", "-1-2_0-1_0-1"]
)
def test_what_is_no_chunk_is_refused(name):
    with pytest.raises(InputError, match="a chunk is called x0-x1_y0-y1_0-1"):
        chunk_start(name)
