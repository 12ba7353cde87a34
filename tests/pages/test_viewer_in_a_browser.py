"""The viewer as a person meets it: in a browser, without a network."""

import shutil
import time

import numpy as np
import pytest

from gennari.pipeline.border_places import borders_path
from gennari.pipeline.stages import RunManifest, open_run
from gennari.pipeline.view_server import ViewServer, neuroglancer_client
from gennari.report.page import viewer_page
from gennari.sampling.ribbon_places import write_places
from gennari.sources.atomic import write_json
from gennari.sources.documents import read_json

HAS_WEBGL = """(() => {
  const gl = document.createElement("canvas").getContext("webgl2");
  return Boolean(gl && gl.getExtension("EXT_color_buffer_float")); })()"""


@pytest.fixture
def run(mapped_run):
    return open_run(mapped_run)


def address(server):
    shown = server.sections[0]
    return f"{server.url}#{shown.brain}/{shown.section}"


def share_of(picture, colour):
    """Share of the picture that has a hue of the class's colour, mixed with grey: the same channels stand out."""
    rgb = np.array([int(colour[k : k + 2], 16) for k in (1, 3, 5)], float)
    pixels = picture.astype(float)
    wanted, found = rgb - rgb.mean(), pixels - pixels.mean(axis=-1, keepdims=True)
    length = np.linalg.norm(found, axis=-1)
    alike = (found @ wanted) / np.maximum(length * np.linalg.norm(wanted), 1e-9)
    return float(((alike > 0.97) & (length > 15)).mean())


def check_offline(browser, server):
    """Every request went to this server, and none failed."""
    assert browser.requested
    ours = f"http://127.0.0.1:{server.port}/"
    assert [url for url in browser.requested if not url.startswith((ours, "data:", "blob:", "about:"))] == []
    assert [words for words in browser.complaints if "favicon" not in words] == []


def areas_on(server, run):
    """Colours of areas with many pixels on the first section's best map."""
    labels = server.body(["scene", server.sections[0].brain, str(server.sections[0].section)], "")
    assert labels is not None
    plane = server._view(server.sections[0]).planes[-1]
    values = plane.read(plane.piece(0, (0, 0), 10**6))
    counts = np.bincount(values.ravel(), minlength=256)
    label_set = run.dataset.label_set
    first = label_set.first_area
    most = first + int(np.argmax(counts[first : len(label_set.names)]))
    return label_set.colours[most], counts[most] / values.size


def steady(browser):
    """The drawing once it does not change any more: chunks come after names."""
    before, now = None, browser.picture()
    while before is None or not np.array_equal(before, now):
        time.sleep(1.5)
        before, now = now, browser.picture()
    return now


@pytest.mark.slow
def test_neuroglancer_shows_the_section_with_its_areas_by_name_and_colour(run, browse):
    if neuroglancer_client() is None:
        pytest.skip("needs neuroglancer: pip install 'gennari[view]'")
    browser = browse()
    if not browser.value(HAS_WEBGL):
        pytest.skip("this browser has no WebGL 2 in software; the plain page's test stands in")
    with ViewServer(run) as server:
        browser.open(address(server))
        browser.wait("document.querySelector('canvas') !== null && location.pathname.includes('/client/')")
        for name in run.dataset.label_set.areas:
            browser.wait(f"document.body.innerText.includes({name!r})")
        now = steady(browser)
        check_offline(browser, server)
        canvas = now[60:, : int(0.75 * now.shape[1])]
        grey = (np.ptp(canvas.astype(int), axis=-1) < 6) & (canvas[..., 0] > 150) & (canvas[..., 0] < 235)
        assert grey.mean() > 0.02  # tissue
        colour, there = areas_on(server, run)
        assert there > 0
        assert share_of(canvas, colour) > 0.0005
        assert browser.value("document.body.innerText.includes('Disconnected')") is False


@pytest.mark.slow
def test_neuroglancer_shows_borders_beside_areas(mapped_run, phantom, make_pieces, tmp_path, browse):
    if neuroglancer_client() is None:
        pytest.skip("needs neuroglancer: pip install 'gennari[view]'")
    browser = browse()
    if not browser.value(HAS_WEBGL):
        pytest.skip("this browser has no WebGL 2 in software; the plain page's test stands in")
    shutil.copytree(phantom, tmp_path / "dataset")
    shutil.copytree(mapped_run, tmp_path / "run")
    manifest = tmp_path / "run/run.json"
    write_json(manifest, read_json(manifest, RunManifest).model_copy(update={"dataset": "../dataset"}))
    run = open_run(tmp_path / "run")
    section = run.dataset.brain("P").sections[1]
    rows, cols = section.shape_px
    lines = [[[0.1 * cols, 0.1 * rows], [0.9 * cols, 0.9 * rows]], [[0.9 * cols, 0.1 * rows], [0.1 * cols, 0.9 * rows]]]
    features = [{"geometry": {"type": "LineString", "coordinates": line}} for line in lines]
    write_places(borders_path(run, "places.parquet"), make_pieces((4, False)))
    write_json(borders_path(run, "export", "distance", "sections", f"{section.id:04d}.geojson"), {"features": features})
    with ViewServer(run) as server:
        browser.open(f"{server.url}#P/{section.id}")
        browser.wait("document.querySelector('canvas') !== null && location.pathname.includes('/client/')")
        for name in run.dataset.label_set.areas:
            browser.wait(f"document.body.innerText.includes({name!r})")
        settled = steady(browser)
        check_offline(browser, server)
    canvas = settled[60:, : int(0.75 * settled.shape[1])]
    red = (np.abs(canvas.astype(int) - (214, 39, 40)).max(axis=-1) < 25).mean()
    assert 0.002 < red < 0.05  # two thin lines across the section
    texts = [
        f"document.body.innerText.includes({title!r})" for title in ("section", "areas, truth", "borders, distance")
    ]
    assert all(browser.value(text) for text in texts)


@pytest.mark.slow
def test_without_webgl_a_plain_page_shows_tiles_areas_and_layers(run, browse):
    browser = browse(webgl=False)
    assert browser.value(HAS_WEBGL) is False
    with ViewServer(run) as server:
        browser.open(address(server))
        browser.wait("location.pathname.endsWith('plain.html') && document.body.dataset.waiting === '0'")
        check_offline(browser, server)
        words = browser.value("document.querySelector('aside').innerText")
        assert isinstance(words, str)
        for name in (*run.dataset.label_set.areas, "areas, truth", "areas, pre-trained"):
            assert name in words
        colour, there = areas_on(server, run)
        stage = browser.picture()[:, :1100]
        assert share_of(stage, colour) == pytest.approx(there, rel=0.5)
        # without the map there is no colour, and zooming draws something else
        browser.value(
            "[...document.querySelectorAll('input[type=checkbox]')].filter((box) => box.checked)"
            ".slice(1).forEach((box) => box.click())"
        )
        browser.wait("document.body.dataset.waiting === '0'")
        plain = browser.picture()[:, :1100]
        assert share_of(plain, colour) < there / 10
        browser.value("document.querySelector('canvas').dispatchEvent(new WheelEvent('wheel', {deltaY: -300}))")
        browser.wait("document.body.dataset.waiting === '0'")
        assert not np.array_equal(browser.picture()[:, :1100], plain)


@pytest.mark.slow
def test_the_list_leads_to_sections_and_a_report_on_the_disk_says_how_to_start(run, browse, tmp_path):
    browser = browse(webgl=False)
    with ViewServer(run) as server:
        browser.open(server.url)
        links = browser.wait("[...document.querySelectorAll('ul a')].map((link) => link.innerText).join() || null")
        assert links == ",".join(str(shown.section) for shown in server.sections)
        shown = server.sections[-1]
        browser.value("[...document.querySelectorAll('ul a')].at(-1).click()")
        browser.wait("location.pathname.endsWith('plain.html') && document.body.dataset.waiting === '0'")
        assert f"brain {shown.brain}, section {shown.section}" in str(browser.value("document.body.innerText"))
        check_offline(browser, server)
    (tmp_path / "view.html").write_text(viewer_page(), encoding="utf-8")
    browser.open((tmp_path / "view.html").as_uri() + f"#{shown.brain}/{shown.section}")
    browser.wait("document.body.innerText.includes('gennari view RUN')")
    assert f"Section {shown.section} of brain {shown.brain}" in str(browser.value("document.body.innerText"))
