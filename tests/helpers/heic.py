"""A HEIC photo as an iPhone writes it: HEVC tiles, a grid item that says how they lie, and a rotation (ISO/IEC 23008-12)."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import av
import numpy as np


def write_tiled_heic(path: Path, image: np.ndarray, side: int = 64, turns: int = 0) -> Path:
    """image: RGB, larger than one tile. turns: by how many quarters, counter-clockwise, a viewer turns what is stored."""
    rows, columns = -(-image.shape[0] // side), -(-image.shape[1] // side)
    whole = np.pad(image, ((0, rows * side - image.shape[0]), (0, columns * side - image.shape[1]), (0, 0)), mode="edge")
    tiles, header = [], b""
    for row in range(rows):
        for column in range(columns):
            part = whole[row * side : (row + 1) * side, column * side : (column + 1) * side]
            data, header = _hevc(np.ascontiguousarray(part))
            tiles.append(data)
    count = len(tiles)
    grid = struct.pack(">BBBBHH", 0, 0, rows - 1, columns - 1, image.shape[1], image.shape[0])
    names = b"".join(_item(number, b"grid" if number == 1 else b"hvc1", number > 1) for number in range(1, count + 2))
    properties = [_box(b"hvcC", header), _full(b"ispe", struct.pack(">II", side, side))]
    properties += [_full(b"ispe", struct.pack(">II", image.shape[1], image.shape[0])), _box(b"irot", bytes([turns % 4]))]
    owned = [(1, (3, 0x80 | 4)), *((number, (0x80 | 1, 2)) for number in range(2, count + 2))]
    belongs = struct.pack(">I", count + 1) + b"".join(struct.pack(">HBBB", item, 2, *which) for item, which in owned)
    refers = _box(b"dimg", struct.pack(f">HH{count}H", 1, count, *range(2, count + 2)))

    def meta(at: int) -> bytes:
        places, offset = struct.pack(">HHHHII", 1, 1, 0, 1, 0, len(grid)), at  # within idat
        for number, data in enumerate(tiles, 2):
            places += struct.pack(">HHHHII", number, 0, 0, 1, offset, len(data))
            offset += len(data)
        located = _full(b"iloc", struct.pack(">BBH", 0x44, 0x00, count + 1) + places, 1)
        inner = _full(b"hdlr", struct.pack(">I4s12x", 0, b"pict") + b"\0") + _full(b"pitm", struct.pack(">H", 1)) + located
        inner += _full(b"iinf", struct.pack(">H", count + 1) + names) + _full(b"iref", refers)
        inner += _box(b"iprp", _box(b"ipco", b"".join(properties)) + _full(b"ipma", belongs)) + _box(b"idat", grid)
        return _full(b"meta", inner)

    start = _box(b"ftyp", b"heic" + struct.pack(">I", 0) + b"mif1heic")
    at = len(start) + len(meta(0)) + 8
    path.write_bytes(start + meta(at) + _box(b"mdat", b"".join(tiles)))
    return path


def _hevc(picture: np.ndarray) -> tuple[bytes, bytes]:
    """One still as length-prefixed units, and its decoder configuration."""
    held = io.BytesIO()
    with av.open(held, "w", format="mp4") as out:
        stream = out.add_stream("libx265", rate=25, options={"x265-params": "log-level=none:keyint=1", "crf": "8"})
        stream.width, stream.height, stream.pix_fmt = picture.shape[1], picture.shape[0], "yuv420p"
        out.mux(stream.encode(av.VideoFrame.from_ndarray(picture, format="rgb24")))
        out.mux(stream.encode(None))
    held.seek(0)
    with av.open(held) as read:
        video = read.streams.video[0]
        packet = next(packet for packet in read.demux(video) if packet.size)
        assert video.codec_context.extradata is not None
        return bytes(packet), bytes(video.codec_context.extradata)


def _box(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I4s", 8 + len(data), kind) + data


def _full(kind: bytes, data: bytes, version: int = 0, flags: int = 0) -> bytes:
    return _box(kind, struct.pack(">I", version << 24 | flags) + data)


def _item(number: int, kind: bytes, hidden: bool) -> bytes:
    return _full(b"infe", struct.pack(">HH4s", number, 0, kind) + b"\0", 2, int(hidden))
