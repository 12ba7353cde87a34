"""HTTP(S) requests as downloads need them: a file's length and version, byte ranges, errors that say if a retry helps.

The standard library does it: what a bigger client adds (sessions, pools, cookies) nothing here needs, and what matters
(If-Range, timeouts of each read, no other scheme than http and https) has to be said by hand in any of them.
"""

import base64
import binascii
import http.client
import re
import socket
import time
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from email.message import Message
from pathlib import PurePosixPath
from typing import IO
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit

from gennari.errors import InputError

_NO_HEAD = (403, 405, 501)
"""Answers of servers, such as signed ones, that know GET only."""
_BLOCK_BYTES = 2**16
_TRY_AGAIN = (408, 425, 429, 500, 502, 503, 504)


class ServerTrouble(RuntimeError):
    """A stall, a broken connection or an answer of 5xx: the same request may go well later."""


class UnknownHost(ServerTrouble):
    """No address is known of the server's name: mistyped, or this machine has no network."""


class NoSuchFile(InputError):
    """The server has nothing at this address."""


class RangeRefused(InputError):
    """The server's file has no such bytes: it is shorter than it was."""


@dataclass(frozen=True, kw_only=True)
class RemoteFile:
    """A file as its server describes it.

    Attributes:
        length: in bytes.
        version: a strong ETag, else the date of its last change; empty where the server gives neither. Two parts of a
            file belong together only if they are of one version.
        digest: ('sha256' or 'md5', hex) of the whole file; None where the server does not give it.
    """

    url: str
    length: int
    version: str
    digest: tuple[str, str] | None = None


def look_up(url: str, timeout_s: float) -> RemoteFile:
    """Ask for a file's length and version with HEAD, or with GET of one byte where HEAD is refused.

    Raises:
        InputError: no http(s) URL, the server has no such file, or it does not say how long the file is.
        ServerTrouble: see there.
    """
    check_url(url)
    try:
        with answer(url, timeout_s, method="HEAD") as response:
            return described(url, response.headers, response.headers.get("Content-Length", ""))
    except _Refused:
        pass
    with answer(url, timeout_s, {"Range": "bytes=0-0"}) as response:
        if response.status == 206:
            return described(url, response.headers, content_range(response.headers)[1])
        return described(url, response.headers, response.headers.get("Content-Length", ""))


def described(url: str, headers: Message, length: str) -> RemoteFile:
    """A file from the headers of an answer; raises InputError as `look_up`."""
    coding = headers.get("Content-Encoding", "identity").lower()
    if coding != "identity" and not (coding.endswith("gzip") and PurePosixPath(urlsplit(url).path).suffix == ".gz"):
        raise InputError(
            f"files are fetched as they are stored, but the server sends {url} in {coding}; give the address of a "
            "server that does not recode"
        )
    if not length.isdigit():
        raise InputError(
            f"a file is fetched only if its length is known, but the server does not say it for {url}; "
            "is it a page and not a file?"
        )
    etag = headers.get("ETag", "")
    strong = etag if etag and not etag.startswith("W/") else ""
    return RemoteFile(
        url=url, length=int(length), version=strong or headers.get("Last-Modified", ""), digest=_digest(headers)
    )


def content_range(headers: Message) -> tuple[int, str]:
    """First byte and total length ('' if unknown) of a partial answer; (-1, '') if it does not say."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", headers.get("Content-Range", ""))
    return (int(found[1]), found[2].strip("*")) if found else (-1, "")


def check_url(url: str) -> None:
    """Refuse what is no http(s) address; raises InputError."""
    try:
        parts = urlsplit(url)
        fits = parts.scheme in ("http", "https") and bool(parts.hostname) and url.isprintable() and " " not in url
    except ValueError:  # brackets that hold no address
        fits = False
    if not fits:
        raise InputError(f"files are fetched from http:// or https:// addresses, got '{url}'; give one of these")


def read_whole(url: str, timeout_s: float, max_bytes: int) -> bytes:
    """A small file, such as a description, in one request.

    Args:
        url: http or https.
        timeout_s: for all of it, so that no server can drip for ever.
        max_bytes: more are refused as soon as they come.

    Raises:
        InputError: it is larger; or as `answer`.
        ServerTrouble: as `answer`.
    """
    ends = time.monotonic() + timeout_s
    got = bytearray()
    with answer(url, timeout_s) as response:
        while block := response.read1(_BLOCK_BYTES):
            got += block
            if len(got) > max_bytes:
                raise InputError(
                    f"{url} must be a small file, of at most {max_bytes // 2**20} MB, but more comes; check the URL"
                )
            if time.monotonic() > ends:
                raise ServerTrouble(f"the server did not send all of it within {timeout_s:g} s")
    return bytes(got)


@contextmanager
def answer(
    url: str, timeout_s: float, headers: Mapping[str, str] | None = None, method: str = "GET"
) -> Iterator[http.client.HTTPResponse]:
    """The server's answer, open to be read; redirects are followed, from https to https only.

    Args:
        url: http or https.
        timeout_s: for the connection and for each read.
        headers: beside those that keep the file as it is stored.
        method: GET or HEAD.

    Raises:
        InputError: no http(s) URL, or the server has no such file (NoSuchFile) or will not give it (RangeRefused: not
            these bytes).
        ServerTrouble: see there; also while the body is read inside the block. UnknownHost where the name is none.
    """
    check_url(url)
    request = urllib.request.Request(
        url, headers={"Accept-Encoding": "identity", "User-Agent": "gennari", **(headers or {})}, method=method
    )
    try:
        with _opener().open(request, timeout=timeout_s) as response:
            yield response
    except HTTPError as error:
        with error:
            raise _explained(url, error, method) from error
    except TimeoutError as error:
        raise ServerTrouble(f"the server sent nothing for {timeout_s:g} s") from error
    except URLError as error:
        if isinstance(error.reason, TimeoutError):
            raise ServerTrouble(f"the server did not answer within {timeout_s:g} s") from error
        if isinstance(error.reason, socket.gaierror) and error.reason.errno == socket.EAI_NONAME:
            raise UnknownHost(f"no address of the server is known ({error.reason})") from error
        raise ServerTrouble(f"the server cannot be reached ({error.reason})") from error
    except (http.client.HTTPException, OSError) as error:
        raise ServerTrouble(f"the connection broke ({type(error).__name__}: {error})") from error


class _Refused(InputError):
    """HEAD is not answered here."""


def _explained(url: str, error: HTTPError, method: str) -> Exception:
    if method == "HEAD" and error.code in _NO_HEAD:
        return _Refused(f"{url} answers HEAD with {error.code}")
    if error.code == 416:
        return RangeRefused(f"the bytes asked for must be in {url}, but the server says they are not; ask anew")
    if error.code in _TRY_AGAIN:
        return ServerTrouble(f"the server answers {error.code} {error.reason}")
    kind = NoSuchFile if error.code in (404, 410) else InputError
    return kind(
        f"{url} must be a file that the server gives, but it answers {error.code} {error.reason}; check the number "
        "and the base URL"
    )


def _digest(headers: Message) -> tuple[str, str] | None:
    """Of the whole stored file, as RFC 9530 and RFC 3230 write it; Content-MD5 is what object stores still send."""
    for name, pattern in (("Repr-Digest", r"sha-256=:([^:]+):"), ("Digest", r"(?i)sha-256=([^,]+)")):
        found = re.search(pattern, headers.get(name, ""))
        if found and (value := _hex(found[1], 32)):
            return "sha256", value
    # on a partial answer it may be of the part
    value = "" if headers.get("Content-Range") else _hex(headers.get("Content-MD5", ""), 16)
    return ("md5", value) if value else None


def _hex(encoded: str, size: int) -> str:
    try:
        value = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return ""
    return value.hex() if len(value) == size else ""


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Keeps HEAD a HEAD, and refuses to leave https or go to another scheme."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: http.client.HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        check_url(newurl)
        if req.type == "https" and urlsplit(newurl).scheme != "https":
            raise InputError(
                f"what is asked for by https must come by https, but {req.full_url} leads to {newurl}; give another "
                "base URL"
            )
        led = super().redirect_request(req, fp, code, msg, headers, newurl)
        if led is not None:
            led.method = req.get_method()
        return led


def _opener() -> urllib.request.OpenerDirector:
    """No file, ftp or data handlers; proxies as the system says."""
    opener = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(), urllib.request.HTTPHandler(), urllib.request.HTTPSHandler(), _Redirects(),
        urllib.request.HTTPErrorProcessor(), urllib.request.HTTPDefaultErrorHandler(),
    ):  # fmt: skip
        opener.add_handler(handler)
    return opener
