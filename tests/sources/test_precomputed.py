import functools
import http.server
import json
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest
import tensorstore as ts

from gennari.errors import InputError
from gennari.frames import coronal
from gennari.records import Section, Window
from gennari.sources import stores
from gennari.sources.precomputed import precomputed_pyramid
from gennari.sources.sections import open_pyramid, open_section, write_ome_zarr


class _Quiet(http.server.SimpleHTTPRequestHandler):
    def do_GET(self) -> None:
        if "stalls" in self.path:
            time.sleep(5)
        if "breaks" in self.path:
            self.send_error(500)
        else:
            super().do_GET()

    def log_message(self, *arguments: object) -> None:
        pass


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The test's folder by http; tensorstore reads whole files there."""
    handler = functools.partial(_Quiet, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{running.server_port}"
        running.shutdown()


@pytest.fixture
def image(rng: np.random.Generator) -> np.ndarray:
    return rng.integers(0, 256, (150, 170), dtype=np.uint8)


def written(folder: Path, pixels: np.ndarray, **changes: object) -> Path:
    """Pixels (x, y, z, channel) as one scale."""
    scale = {"resolution": [2000, 2000, 2000], "encoding": "raw", "chunk_size": [64, 64, 64], "voxel_offset": [5, 3, 9]}
    spec = {
        "driver": "neuroglancer_precomputed",
        "kvstore": {"driver": "file", "path": f"{folder / 'B20_0102'}/"},
        "multiscale_metadata": {"type": "image", "data_type": "uint8", "num_channels": pixels.shape[3]},
        "scale_metadata": {**scale, "size": list(pixels.shape[:3]), **changes},
    }
    ts.open(spec, create=True).result()[...] = pixels
    return folder / "B20_0102"


def fetched(location: str) -> np.ndarray:
    level = precomputed_pyramid(location).levels[0]
    return level.fetch(0, level.shape_px[0], 0, level.shape_px[1])


@pytest.mark.parametrize("prefix", ["", "precomputed://", "precomputed://file://"])
def test_a_folder_is_read_with_and_without_its_prefix(prefix: str, image: np.ndarray, tmp_path: Path) -> None:
    location = f"{prefix}{written(tmp_path, image.T[:, :, None, None])}"
    np.testing.assert_array_equal(fetched(location), image)
    assert open_pyramid(location).spacing_um == 2.0


def test_a_section_may_stand_across_y_or_x(image: np.ndarray, tmp_path: Path) -> None:
    for name, pixels in (("y", image.T[:, None, :, None]), ("x", image.T[None, :, :, None])):
        np.testing.assert_array_equal(fetched(str(written(tmp_path / name, pixels))), image)


def test_colour_is_read(rng: np.random.Generator, tmp_path: Path) -> None:
    colour = rng.integers(0, 256, (20, 30, 3), dtype=np.uint8)
    path = written(tmp_path, colour.transpose(1, 0, 2)[:, :, None])
    np.testing.assert_array_equal(fetched(str(path)), np.floor(colour @ [0.299, 0.587, 0.114] + 0.5 + 1e-9))


def test_chunks_that_are_not_stored_are_glass(image: np.ndarray, tmp_path: Path) -> None:
    path = written(tmp_path, image.T[:, :, None, None])
    (chunk,) = path.glob("*/69-133_67-131_9-10")
    chunk.unlink()
    expected = image.copy()
    expected[64:128, 64:128] = 255
    np.testing.assert_array_equal(fetched(str(path)), expected)


def test_a_section_on_a_server_is_read_lazily(image: np.ndarray, server: str, tmp_path: Path) -> None:
    path = written(tmp_path, image.T[:, :, None, None])
    section = Section(brain="A", id=102, spacing_um=2.0, shape_px=image.shape, to_brain=coronal(0.0, 0.0, 0.0))
    reader = open_section(f"precomputed://{server}/B20_0102", section)
    for chunk in path.glob("*/*"):
        if chunk.name != "5-69_67-131_9-10":
            chunk.write_bytes(b"not to be read")
    window = Window(brain="A", section=102, centre_um=(200.0, 40.0), size_px=(30, 40), spacing_um=2.0)
    np.testing.assert_array_equal(reader.read(window), image[85:115, :40])


def test_a_missing_chunk_on_a_server_is_glass(image: np.ndarray, server: str, tmp_path: Path) -> None:
    path = written(tmp_path, image.T[:, :, None, None])
    for chunk in path.glob("*/*"):
        chunk.unlink()
    np.testing.assert_array_equal(fetched(f"{server}/B20_0102"), 255)


def test_ome_zarr_on_a_server_is_read(image: np.ndarray, server: str, tmp_path: Path) -> None:
    write_ome_zarr(tmp_path / "7.ome.zarr", image, 2.0, levels=1)
    level = open_pyramid(f"{server}/7.ome.zarr").levels[0]
    np.testing.assert_array_equal(level.fetch(10, 90, 20, 30), image[10:90, 20:30])


def test_an_address_without_an_image_is_refused(server: str) -> None:
    with pytest.raises(InputError, match="B20_9999/info must be a file, but the server has none; check the URL"):
        open_pyramid(f"precomputed://{server}/B20_9999")


def test_a_server_that_is_not_there_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stores._CONTEXT, "http_request_retries", {"max_retries": 1})
    with pytest.raises(InputError, match=r"info must come from its server, but: .*check the URL and the connection"):
        open_pyramid("precomputed://http://127.0.0.1:9/B20_0102")


def test_a_server_without_address_is_asked_once(monkeypatch: pytest.MonkeyPatch) -> None:
    resolver = Mock(side_effect=socket.gaierror(socket.EAI_NONAME, "not resolved"))
    monkeypatch.setattr(socket, "getaddrinfo", resolver)
    with pytest.raises(InputError, match=r"info must come from its server, but: no address of the server is known"):
        open_pyramid("precomputed://http://nowhere.example/B20_0102")
    assert resolver.call_count == 1


def test_a_server_that_stalls_or_breaks_is_refused(server: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(stores._CONTEXT, "http_request_retries", {"max_retries": 1})
    with pytest.raises(InputError, match=r"breaks/info must come from its server, but: .*500"):
        open_pyramid(f"precomputed://{server}/breaks")
    monkeypatch.setattr(stores, "TIMEOUT_S", 0.3)
    with pytest.raises(InputError, match="stalls/info must come from its server, but: the server"):
        open_pyramid(f"precomputed://{server}/stalls")


def test_an_answer_that_is_no_json_is_refused(server: str, tmp_path: Path) -> None:
    (tmp_path / "info").write_text("<html>moved</html>")
    with pytest.raises(InputError, match="info must be whole JSON, but it breaks off"):
        open_pyramid(f"precomputed://{server}")


def test_a_volume_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, np.zeros((8, 9, 10, 1), np.uint8))
    with pytest.raises(InputError, match="a single element deep along one axis, but it has 8 x 9 x 10; a volume"):
        precomputed_pyramid(str(path))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"data_type": "uint16"}, "1 channel.s. of uint16"),
        ({"type": "segmentation"}, r"\(segmentation\)"),
        ({"num_channels": 2}, "2 channel.s. of uint8"),
        ({"scales": []}, "'scales' does not fit"),
    ],
)
def test_other_values_are_refused(changes: dict, message: str, tmp_path: Path) -> None:
    path = written(tmp_path, np.zeros((8, 9, 1, 1), np.uint8))
    info = json.loads((path / "info").read_text())
    (path / "info").write_text(json.dumps(info | changes))
    with pytest.raises(InputError, match=message):
        precomputed_pyramid(str(path))


@pytest.mark.slow
def test_pixels_that_are_not_square_and_chunks_too_large_are_refused(tmp_path: Path) -> None:
    path = written(tmp_path, np.zeros((8, 9, 1, 1), np.uint8), resolution=[2000, 3000, 1])
    with pytest.raises(InputError, match=r"square pixels, but scale .* has \(2000\.0, 3000\.0, 1\.0\) nm"):
        precomputed_pyramid(str(path))
    path = written(tmp_path / "b", np.zeros((8, 9, 1, 1), np.uint8), chunk_size=[20_000, 20_000, 1])
    with pytest.raises(InputError, match=r"a chunk of .* has 20000 x 20000 x 1 px"):
        precomputed_pyramid(str(path))


def test_a_chunk_that_is_said_to_lie_in_a_file_of_this_machine_is_not_fetched(tmp_path: Path) -> None:
    path = written(tmp_path / "whole", np.full((64, 64, 1, 1), 7, np.uint8))
    (tmp_path / "secret").write_bytes(bytes([7]) * 64 * 64)

    class Misleading(http.server.SimpleHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.endswith("info"):
                super().do_GET()
            else:
                self.send_response(302)
                self.send_header("Location", f"file://{tmp_path}/secret")
                self.end_headers()

        def log_message(self, *arguments: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Misleading, directory=str(path))
    ) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        level = open_pyramid(f"precomputed://http://127.0.0.1:{running.server_port}").levels[0]
        with pytest.raises(InputError, match="one is damaged or does not come"):
            level.fetch(0, 64, 0, 64)
        running.shutdown()
