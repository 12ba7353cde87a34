"""`gennari get bigbrain` against a server on this machine."""

import json
import socket
import time
from unittest.mock import Mock

import pytest

SURFACES = "/BigBrainRelease.2015/3D_Surfaces/Apr7_2016/gii"
PNGS = "/BigBrainRelease.2015/2D_Final_Sections/Coronal/Png/Full_Resolution"


@pytest.fixture
def release(server):
    server.files |= {f"{PNGS}/pm{number:04d}o.png": b"png" * number for number in (100, 101)}
    server.files |= {
        f"{SURFACES}/{kind}_{side}_327680.gii": b"gii" for kind in ("gray", "white") for side in ("left", "right")
    }
    server.files |= {"/aligned/B20_0102.tif": b"tif", "/aligned/B20_0102_affine.json": b"[]"}
    return server


def test_a_dry_run_lists_sizes_and_licence_and_fetches_nothing(gennari, release, tmp_path):
    line = ("get", "bigbrain", tmp_path / "out", "--sections", "100-101", "--surfaces", "--base-url", release.url)
    said = gennari(*line, "--dry-run", "--json")
    assert said.code == 0
    lines = said.out.splitlines()
    assert lines[0].split() == ["300", "B", "fetch", f"{PNGS[1:]}/pm0100o.png"]
    assert "615 B  to fetch, in 6 of 6 files" in said.out
    assert "CC BY-NC-SA 4.0" in lines[-2]
    figures = json.loads(lines[-1])
    assert (figures["missing_bytes"], figures["fetched"], len(figures["files"])) == (615, 0, 6)
    assert not (tmp_path / "out").exists()
    assert {request[0] for request in release.requests} == {"HEAD"}


def test_the_files_come_and_a_second_call_has_nothing_to_do(gennari, release, tmp_path):
    line = ("get", "bigbrain", tmp_path / "out", "--sections", "101", "--base-url", release.url, "--json")
    assert json.loads(gennari(*line).out.splitlines()[-1])["fetched"] == 1
    assert (tmp_path / "out" / PNGS[1:] / "pm0101o.png").read_bytes() == b"png" * 101
    again = gennari(*line, "--verify")
    assert json.loads(again.out.splitlines()[-1])["fetched"] == 0
    assert "verify: 1/1" in again.err


def test_the_1um_sections_have_a_base_of_their_own_and_come_with_affines(gennari, release, tmp_path):
    line = ("--sections", "102", "--release", "1um", "--base-url-1um", release.url)
    assert gennari("get", "bigbrain", tmp_path, *line).code == 0
    assert (tmp_path / "aligned/B20_0102_affine.json").read_bytes() == b"[]"


def test_trouble_that_lasts_leaves_with_75_and_the_mend(gennari, release, tmp_path):
    release.faults = [("truncate", 10), 500]
    line = ("--sections", "100", "--base-url", release.url, "--tries", "1")
    said = gennari("get", "bigbrain", tmp_path, *line)
    assert said.code == 75
    assert "10 of 300 bytes are kept; what is finished is kept: run the same command again to go on" in said.err
    assert gennari("get", "bigbrain", tmp_path, *line).code == 0


def test_without_network_it_gives_up_at_once(gennari, tmp_path, monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=socket.gaierror(socket.EAI_NONAME, "not resolved")))
    monkeypatch.setattr(time, "sleep", lambda _: pytest.fail("waits for a server that has no address"))
    said = gennari("get", "bigbrain", tmp_path, "--sections", "100-110", "--base-url", "http://nowhere.example")
    assert said.code == 2
    assert "check the base URL, and that this machine has a network" in said.err


def test_layers_and_the_form_of_sections_are_asked_for_by_name(gennari, release, tmp_path):
    said = gennari("get", "bigbrain", tmp_path, "--layers", "--base-url", release.url)
    assert said.code == 2
    assert "14 of 14 look up failed" in said.err
    assert "layer0_left_327680.obj.gz" in said.err
    said = gennari("get", "bigbrain", tmp_path, "--sections", "5", "--form", "mnc", "--base-url", release.url)
    assert "Coronal/Minc/pm0005o.mnc" in said.err


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ((), "say what to get of bigbrain"),
        (("--sections", "9999"), "has no section 9999"),
        (("--sections", "100", "--max-gb", "1e-9"), "give --max-gb"),
        (("--sections", "100", "--timeout-s", "0"), "a timeout is above 0 s"),
        (("--sections", "100", "--base-url", "ftp://old.example"), "http:// or https://"),
    ],
)
def test_what_cannot_be_fetched_is_refused_in_one_sentence(refused, release, tmp_path, options, words):
    base = () if "--base-url" in options else ("--base-url", release.url)
    assert words in refused("get", "bigbrain", tmp_path, *options, *base)


def test_a_hash_list_is_checked(refused, gennari, release, tmp_path):
    sums = tmp_path / "SHA256SUMS"
    sums.write_text(f"{'0' * 64}  pm0100o.png\n")
    line = ("get", "bigbrain", tmp_path / "out", "--sections", "100", "--base-url", release.url)
    assert "must have the sha256 0000" in refused(*line, "--sha256", sums)
    assert gennari(*line).code == 0
    assert "must have the SHA-256 0000" in refused(*line, "--sha256", sums)
