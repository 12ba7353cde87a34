"""Images inside images: what the heads of JPEG and JPEG 2000 streams ask for, whatever the file around them says."""

import struct

_NO_FRAME = (0xC4, 0xC8, 0xCC)
"""Markers among those of frames that begin none."""
_SIZ = b"\xff\x4f\xff\x51"


def stream_shape(data: bytes) -> tuple[int, int, int] | None:
    """(rows, cols, channels) that decoding a JPEG or JPEG 2000 stream would fill; None where its head says nothing.

    Args:
        data: the stream, or its beginning.
    """
    if data[:2] == b"\xff\xd8":
        return _jpeg(data)
    begin = _codestream(data)
    if data[begin : begin + 4] != _SIZ or len(data) < begin + 42:
        return None
    right, lower, left, upper = struct.unpack_from(">4I", data, begin + 8)
    return max(lower - upper, 0), max(right - left, 0), int(struct.unpack_from(">H", data, begin + 40)[0])


def _codestream(data: bytes) -> int:
    """Where JPEG 2000's codestream begins: at once, or in the box `jp2c` of a JP2 file, whose boxes are walked over."""
    place = 0
    while data[4:8] == b"jP  " and place + 16 <= len(data):
        length, kind = struct.unpack_from(">I4s", data, place)
        head = 16 if length == 1 else 8
        if kind == b"jp2c":
            return place + head
        length = int(struct.unpack_from(">Q", data, place + 8)[0]) if length == 1 else length
        if length < head:
            break
        place += length
    return 0


def _jpeg(data: bytes) -> tuple[int, int, int] | None:
    """From the first frame's head; markers before it are walked over by their lengths."""
    place = 2
    while place + 10 <= len(data) and data[place] == 0xFF:
        marker = data[place + 1]
        if marker == 0xFF:  # fill
            place += 1
        elif 0xC0 <= marker <= 0xCF and marker not in _NO_FRAME:
            rows, cols, channels = struct.unpack_from(">HHB", data, place + 5)
            return rows, cols, channels
        else:
            place += 2 + int(struct.unpack_from(">H", data, place + 2)[0])
    return None
