import base64
import hashlib
import socket
from unittest.mock import Mock

import pytest

from gennari.errors import InputError
from gennari.sources.http_requests import (
    NoSuchFile,
    RangeRefused,
    ServerTrouble,
    UnknownHost,
    answer,
    look_up,
    read_whole,
)


def test_a_look_up_asks_for_no_byte_and_tells_length_and_version(server):
    server.files["/a.tif"] = b"x" * 1234
    found = look_up(f"{server.url}/a.tif", 2.0)
    assert (found.length, found.version, found.digest) == (1234, server.etag("/a.tif"), None)
    assert server.requests == [("HEAD", "/a.tif", "")]


def test_where_head_is_refused_one_byte_tells_as_much(server):
    server.files["/a.tif"], server.heads = b"x" * 1234, False
    assert look_up(f"{server.url}/a.tif", 2.0).length == 1234
    assert server.requests[-1] == ("GET", "/a.tif", "bytes=0-0")


def test_where_neither_heads_nor_ranges_are_known_the_whole_file_tells(server):
    server.files["/a.tif"], server.heads, server.ranges = b"x" * 99, False, False
    assert look_up(f"{server.url}/a.tif", 2.0).length == 99


@pytest.mark.parametrize(
    ("name", "digest", "algorithm"),
    [("Repr-Digest", "sha-256=:{}:", "sha256"), ("Digest", "SHA-256={}", "sha256"), ("Content-MD5", "{}", "md5")],
)
def test_digests_that_the_server_tells_are_read(server, name, digest, algorithm):
    server.files["/a"] = b"abc"
    made = hashlib.new(algorithm, b"abc")
    server.headers[name] = digest.format(base64.b64encode(made.digest()).decode())
    assert look_up(f"{server.url}/a", 2.0).digest == (algorithm, made.hexdigest())


def test_a_digest_that_is_none_is_passed_over(server):
    server.files["/a"], server.headers["Content-MD5"] = b"abc", "not base64!"
    assert look_up(f"{server.url}/a", 2.0).digest is None


def test_a_weak_etag_is_no_version_and_the_date_stands_in(server):
    server.files["/a"], server.versions = b"abc", False
    server.headers = {"ETag": 'W/"1"', "Last-Modified": "Thu, 01 Jan 2026 00:00:00 GMT"}
    assert look_up(f"{server.url}/a", 2.0).version == "Thu, 01 Jan 2026 00:00:00 GMT"


def test_a_missing_file_is_named_with_the_mend(server):
    with pytest.raises(InputError, match=r"pm9.png must be .* answers 404 .*; check the number and the base URL"):
        look_up(f"{server.url}/pm9.png", 2.0)


@pytest.mark.parametrize("url", ["ftp://host/a", "file:///etc/passwd", "http:///a", "a.tif"])
def test_only_http_addresses_are_asked(url):
    with pytest.raises(InputError, match="http:// or https://"):
        look_up(url, 2.0)


def test_a_redirect_out_of_http_is_not_followed(server):
    server.files["/a"], server.headers["Location"] = b"", "file:///etc/passwd"
    server.faults = [302]
    server.heads = False
    with pytest.raises(InputError):
        look_up(f"{server.url}/a", 2.0)


@pytest.mark.parametrize("code", [500, 503, 429])
def test_answers_that_may_change_are_trouble_and_no_error_of_the_user(server, code):
    server.files["/a"], server.faults = b"abc", [code]
    with pytest.raises(ServerTrouble, match=str(code)), answer(f"{server.url}/a", 2.0):
        pass


def test_a_server_that_is_not_there_is_trouble(server):
    server.close()
    with pytest.raises(ServerTrouble, match="cannot be reached"):
        look_up(f"{server.url}/a", 2.0)


@pytest.mark.parametrize(("errno", "unknown"), [(socket.EAI_NONAME, True), (socket.EAI_AGAIN, False)])
def test_a_name_without_address_is_told_apart_from_a_resolver_in_trouble(monkeypatch, errno, unknown):
    monkeypatch.setattr(socket, "getaddrinfo", Mock(side_effect=socket.gaierror(errno, "not resolved")))
    with pytest.raises(ServerTrouble, match="not resolved") as raised:
        look_up("http://nowhere.example/a", 2.0)
    assert isinstance(raised.value, UnknownHost) == unknown


def test_a_stall_is_trouble(server):
    server.files["/a"], server.faults = b"abcdef", [("stall", 2)]
    with pytest.raises(ServerTrouble, match=r"nothing for 0\.2 s"), answer(f"{server.url}/a", 0.2) as response:
        response.read()


def test_bytes_that_are_not_there_are_told_apart(server):
    server.files["/a"], server.faults = b"abc", [416]
    with pytest.raises(RangeRefused), answer(f"{server.url}/a", 2.0, {"Range": "bytes=9-"}):
        pass


def test_a_file_of_unknown_length_is_refused(server):
    server.files["/a"], server.lengths = b"abc", False
    with pytest.raises(InputError, match="only if its length is known"):
        look_up(f"{server.url}/a", 2.0)


def test_recoded_files_are_refused_but_for_what_is_stored_as_gzip(server):
    server.files |= {"/a.tif": b"abc", "/a.obj.gz": b"abc"}
    server.headers["Content-Encoding"] = "x-gzip"
    assert look_up(f"{server.url}/a.obj.gz", 2.0).length == 3
    with pytest.raises(InputError, match="in x-gzip"):
        look_up(f"{server.url}/a.tif", 2.0)


@pytest.mark.parametrize(
    "url",
    ["file:///etc/passwd", "ftp://a/b", "gs://a/b", "data:,x", "http://", "http:///x", "https://[::1", "http://a b/",
     "http://a/\n", "a/b"],
)  # fmt: skip
def test_what_is_read_whole_is_asked_by_http_alone(url):
    with pytest.raises(InputError, match="http:// or https:// addresses"):
        read_whole(url, 1.0, 10)
    with pytest.raises(InputError, match="http:// or https:// addresses"), answer(url, 1.0):
        pass


@pytest.mark.parametrize("target", ["file:///etc/passwd", "ftp://127.0.0.1/x", "gopher://127.0.0.1/"])
def test_a_redirect_out_of_http_is_refused(server, target):
    server.files["/moved"] = b""
    server.headers["Location"] = target
    server.faults = [302]
    with pytest.raises(InputError):
        read_whole(f"{server.url}/moved", 2.0, 10)


def test_a_description_has_a_largest_size_and_all_of_it_a_time(server):
    server.files["/info"] = b"x" * 1000
    assert read_whole(f"{server.url}/info", 5.0, 1000) == b"x" * 1000
    with pytest.raises(InputError, match="of at most 0 MB, but more comes"):
        read_whole(f"{server.url}/info", 5.0, 999)
    server.faults = [("stall", 10)]
    with pytest.raises(ServerTrouble, match=r"sent nothing for|did not send all"):
        read_whole(f"{server.url}/info", 0.3, 1000)


def test_what_a_server_does_not_have_is_told_from_what_it_refuses(server):
    with pytest.raises(NoSuchFile):
        read_whole(f"{server.url}/none", 2.0, 10)
    server.files["/info"], server.faults = b"", [403]
    with pytest.raises(InputError) as refused:
        read_whole(f"{server.url}/info", 2.0, 10)
    assert not isinstance(refused.value, NoSuchFile)
