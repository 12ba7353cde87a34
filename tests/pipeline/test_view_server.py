import http.client
import json
import shutil
import socket

import imagecodecs
import numpy as np
import pytest
import tensorstore as ts

from gennari.errors import InputError
from gennari.pipeline import view_server
from gennari.pipeline.maps import map_path
from gennari.pipeline.stages import RunManifest, open_run
from gennari.pipeline.view_server import KEPT_VIEWS, ViewServer, neuroglancer_client
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json
from gennari.sources.sections import read_full, read_labels


@pytest.fixture
def mapped(mapped_run, tmp_path):
    """A copy of the run, with a report."""
    shutil.copytree(mapped_run, tmp_path / "run")
    manifest = read_json(tmp_path / "run" / "run.json", RunManifest)
    dataset = str((mapped_run / manifest.dataset).resolve())
    write_json(tmp_path / "run" / "run.json", manifest.model_copy(update={"dataset": dataset}))
    (tmp_path / "run" / "report.html").write_text("<p>gennari report</p>")
    return open_run(tmp_path / "run")


@pytest.fixture
def served(mapped):
    with ViewServer(mapped) as server:
        yield server


def get(server, path, token=None, host=None, method="GET"):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, f"/v/{token or server.token}/{path}", headers={"Host": host} if host else {})
    response = connection.getresponse()
    body = response.read()
    connection.close()
    return response, body


def place(server):
    shown = server.sections[0]
    return f"{shown.brain}/{shown.section}"


def test_the_list_names_every_section_and_the_pages_are_there(served):
    response, body = get(served, "sections.json")
    assert response.status == 200
    listed = json.loads(body)
    assert [(one["brain"], one["section"]) for one in listed["sections"]] == [
        (shown.brain, shown.section) for shown in served.sections
    ]
    assert listed["report"] is True
    assert b"gennari view" in get(served, "view.html")[1]
    assert b"canvas" in get(served, "plain.html")[1]
    assert b"gennari report" in get(served, "report.html")[1]


def test_who_has_not_the_token_or_comes_under_another_name_gets_nothing(served):
    assert len(served.token) >= 32
    assert get(served, "sections.json", token="x" * 32)[0].status == 404
    assert get(served, "sections.json", host=f"evil.example:{served.port}")[0].status == 404
    assert get(served, "sections.json", host=f"localhost:{served.port}")[0].status == 200
    assert get(served, "../../view.html")[0].status == 404
    assert get(served, "sections.json", method="POST")[0].status == 501


def test_two_servers_have_two_tokens(mapped, served):
    with ViewServer(mapped) as other:
        assert other.token != served.token
        assert get(other, "sections.json", token=served.token)[0].status == 404


def test_it_listens_on_this_machine_only(served):
    assert served._http.server_address[0] == "127.0.0.1"
    with pytest.raises(OSError, match=r"refused|unreachable"):
        socket.create_connection(("127.0.0.2", served.port), timeout=1)


def test_answers_let_pages_load_nothing_from_elsewhere(served):
    headers = get(served, "view.html")[0].headers
    assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "http" not in headers["Content-Security-Policy"]
    assert headers["Referrer-Policy"] == "no-referrer"  # the address holds the token
    assert headers["X-Content-Type-Options"] == "nosniff"


def test_tensorstore_reads_image_and_map_as_they_are(served, mapped):
    shown = served.sections[0]
    base = f"http://127.0.0.1:{served.port}/v/{served.token}/data/{place(served)}"
    section = mapped.dataset.brain(shown.brain).section(shown.section)
    image = read_full(mapped.dataset.brain(shown.brain).image_path(section.id), section.spacing_um)
    labels, _ = read_labels(map_path(mapped, "pretrained", shown.brain, shown.section))
    for name, expected in (("image", image), ("pretrained", labels + np.uint8(1))):
        spec = {"driver": "neuroglancer_precomputed", "kvstore": {"driver": "http", "base_url": f"{base}/{name}/"}}
        read = np.asarray(ts.open(spec).result().read().result())[:, :, 0, 0].T
        assert np.array_equal(read, expected)
    names = json.loads(get(served, f"data/{place(served)}/pretrained/segment_properties/info")[1])
    assert names["inline"]["properties"][0]["values"] == list(mapped.dataset.label_set.names)


def test_states_scenes_and_tiles_are_of_the_section(served):
    state = json.loads(get(served, f"state/{place(served)}")[1])
    assert state["title"].split() == place(served).split("/")
    assert f"/v/{served.token}/data/{place(served)}/image" in state["layers"][0]["source"]
    told = json.loads(get(served, f"scene/{place(served)}")[1])
    rows, cols = told["planes"][0]["levels"][0]["shape_px"]
    response, body = get(served, f"tiles/{place(served)}/image/0/0/0")
    assert response.headers["Content-Type"] == "image/png"
    assert imagecodecs.png_decode(body).shape == (min(rows, 256), min(cols, 256))


@pytest.mark.parametrize(
    "path",
    ["state/P/1", "state/A/x", "state/Z/9", "data/{}/nobody/info", "data/{}/image/segment_properties/info",
     "tiles/{}/image/a/0/0", "tiles/{}/image/0/0", "client/../server.py", "client/nothing.js", "run.json", ""],
)  # fmt: skip
def test_what_is_not_there_is_not_found(served, path):
    assert get(served, path.format(place(served)))[0].status == 404


def test_what_lies_outside_the_section_is_refused_with_the_reason(served):
    response, body = get(served, f"tiles/{place(served)}/image/0/9999/0")
    assert response.status == 400
    assert b"ask for a pixel within" in body
    assert get(served, f"data/{place(served)}/image/0/1-2_0-1_0-1")[0].status == 400


def test_a_damaged_map_is_said_and_the_server_goes_on(mapped):
    run = mapped
    with ViewServer(run) as server:
        shown = server.sections[0]
        (map_path(run, "pretrained", shown.brain, shown.section) / "zarr.json").write_text("{")
        response, body = get(server, f"scene/{shown.brain}/{shown.section}")
        assert response.status == 400
        assert b"must be whole JSON" in body
        assert get(server, "sections.json")[0].status == 200


def test_only_so_many_sections_stay_in_memory(served):
    for shown in served.sections:
        assert get(served, f"scene/{shown.brain}/{shown.section}")[0].status == 200
    assert len(served._views) == min(KEPT_VIEWS, len(served.sections))


def test_the_stream_that_neuroglancer_asks_for_stays_open_and_ends_with_the_server(mapped):
    with ViewServer(mapped) as server:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
        connection.request("GET", f"/events/{server.token}?c=1")
        response = connection.getresponse()
        assert response.headers["Content-Type"] == "text/event-stream"
    assert response.read() == b""
    connection.close()


def test_the_client_is_served_where_it_is_installed_and_wanted(served, mapped):
    if neuroglancer_client() is None:
        pytest.skip("needs neuroglancer: pip install 'gennari[view]'")
    response, body = get(served, "client/index.html")
    assert response.status == 200
    assert b"neuroglancer" in body
    with ViewServer(mapped, plain=True) as plain:
        assert get(plain, "client/index.html")[0].status == 404
        assert json.loads(get(plain, "sections.json")[1])["neuroglancer"] is False


def test_without_neuroglancer_the_plain_page_is_what_there_is(mapped, monkeypatch):
    monkeypatch.setattr(view_server, "find_spec", lambda name: None)
    assert neuroglancer_client() is None
    with ViewServer(mapped) as server:
        assert json.loads(get(server, "sections.json")[1])["neuroglancer"] is False


def test_a_port_that_is_taken_is_refused(mapped, served):
    with pytest.raises(InputError, match=f"needs a free port, but {served.port} is not"):
        ViewServer(mapped, served.port)
    with pytest.raises(InputError, match="needs a free port, but 70000 is not"):
        ViewServer(mapped, 70000)
