"""The label that a file carries of itself: XMP with IPTC's digital source type "composite with trained algorithmic media".

PNG, JPEG, WebP and GIF have a place for XMP, MP4 and QuickTime a `uuid` box (Adobe's XMP specification, part 3); Matroska and
WebM have tags, which the writer of the film sets (TAG). Any program that writes the file anew may drop it.
"""

from __future__ import annotations

import os
import re
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

from PIL import Image as PILImage

from reenact.core.errors import ReenactError

SOURCE_TYPE = "http://cv.iptc.org/newscodes/digitalsourcetype/compositeWithTrainedAlgorithmicMedia"
TAG = "XMP"
"""name of the tag in Matroska"""
XMP_BOX = bytes.fromhex("BE7ACFCB97A942E89C71999491E3AFAC")
PNG_KEY = b"XML:com.adobe.xmp"
JPEG_KEY = b"http://ns.adobe.com/xap/1.0/\x00"
GIF_KEY = b"XMP DataXMP"
FOUND_TYPE = re.compile(rb"digitalsourcetype/(\w{1,80})")
FOUND_TOOL = re.compile(rb"""CreatorTool\s*(?:=\s*["']|>)([^"'<]{1,80})""")
LONGEST = 1 << 20
"""ours: bytes of XMP that are read"""


def version() -> str:
    """Of this package."""
    from importlib import metadata  # reads e-mail headers, and imports what does

    return metadata.version("reenact")


def packet() -> bytes:
    """The XMP."""
    tool = f"reenact {version()}"
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        ' xmlns:xmp="http://ns.adobe.com/xap/1.0/" xmlns:Iptc4xmpExt="http://iptc.org/std/Iptc4xmpExt/2008-02-29/"'
        f' xmp:CreatorTool="{tool}" Iptc4xmpExt:DigitalSourceType="{SOURCE_TYPE}"/></rdf:RDF></x:xmpmeta>'
        '<?xpacket end="w"?>'
    ).encode()


def tags(path: Path) -> dict[str, str]:
    """What the writer of a film of this name has to set, as `write_label` cannot: nothing but for .mkv and .webm."""
    return {TAG: packet().decode()} if path.suffix.lower() in (".mkv", ".webm") else {}


def write_label(part: Path, suffix: str) -> None:
    """Puts the label into the finished file `part`, which is of the kind that `suffix` says. Nothing of .mkv and .webm changes.

    Raises ValueError for a file that is not of that kind.
    """
    suffix = suffix.lower()
    if suffix in (".mp4", ".m4v", ".mov"):
        box = XMP_BOX + packet()
        with part.open("ab") as file:
            file.write(struct.pack(">I4s", 8 + len(box), b"uuid") + box)
        return
    inserters: dict[str, Callable[[bytes, bytes], bytes]] = {
        ".png": _png,
        ".jpg": _jpeg,
        ".jpeg": _jpeg,
        ".webp": _webp,
        ".gif": _gif,
    }
    if suffix in inserters:
        part.write_bytes(inserters[suffix](part.read_bytes(), packet()))


def _png(data: bytes, xmp: bytes) -> bytes:
    """An iTXt chunk behind the header chunk, which is 33 bytes with the signature."""
    _require(data[:8] == b"\x89PNG\r\n\x1a\n" and data[12:16] == b"IHDR")
    body = b"iTXt" + PNG_KEY + b"\x00\x00\x00\x00\x00" + xmp
    return data[:33] + struct.pack(">I", len(body) - 4) + body + struct.pack(">I", zlib.crc32(body)) + data[33:]


def _jpeg(data: bytes, xmp: bytes) -> bytes:
    """An APP1 segment behind the JFIF header, where there is one."""
    _require(data[:2] == b"\xff\xd8")
    at = 2
    if data[2:4] == b"\xff\xe0":
        at += 2 + struct.unpack(">H", data[4:6])[0]
    body = JPEG_KEY + xmp
    return data[:at] + b"\xff\xe1" + struct.pack(">H", 2 + len(body)) + body + data[at:]


def _webp(data: bytes, xmp: bytes) -> bytes:
    """An XMP chunk at the end; a simple file gets the extended header that such a chunk wants."""
    _require(data[:4] == b"RIFF" and data[8:12] == b"WEBP")
    chunks = data[12:]
    if chunks[:4] == b"VP8X":
        chunks = chunks[:8] + bytes([chunks[8] | 4]) + chunks[9:]
    else:
        width, height, alpha = _webp_size(chunks)
        header = struct.pack("<I", 4 | alpha) + (width - 1).to_bytes(3, "little") + (height - 1).to_bytes(3, "little")
        chunks = b"VP8X" + struct.pack("<I", 10) + header + chunks
    chunks += b"XMP " + struct.pack("<I", len(xmp)) + xmp + b"\x00" * (len(xmp) % 2)
    return b"RIFF" + struct.pack("<I", 4 + len(chunks)) + b"WEBP" + chunks


def _gif(data: bytes, xmp: bytes) -> bytes:
    """An application extension before the trailer; behind the packet are bytes that lead a reader of its blocks to its end
    (Adobe's XMP specification, part 3)."""
    _require(data[:3] == b"GIF" and data[-1:] == b";")
    magic = b"\x01" + bytes(range(255, -1, -1)) + b"\x00"
    return data[:-1] + b"\x21\xff\x0b" + GIF_KEY + xmp + magic + b";"


def _webp_size(chunks: bytes) -> tuple[int, int, int]:
    """Width, height and the flag of an alpha channel (16 or 0) of a simple file's one chunk."""
    if chunks[:4] == b"VP8L":
        bits = int.from_bytes(chunks[9:13], "little")
        return 1 + (bits & 0x3FFF), 1 + (bits >> 14 & 0x3FFF), 16 * (bits >> 28 & 1)
    _require(chunks[:4] == b"VP8 " and chunks[11:14] == b"\x9d\x01\x2a")
    width, height = struct.unpack("<HH", chunks[14:18])
    return width & 0x3FFF, height & 0x3FFF, 0


def _require(good: bool) -> None:
    if not good:
        raise ValueError("the file is not of the kind that its name says")


def read_label(path: str | os.PathLike[str]) -> tuple[str, str] | None:
    """The digital source type (its last word) and the tool that a picture or film names; None where it names no type.

    Raises ReenactError for what can't be opened.
    """
    xmp = _xmp(Path(path))
    found = FOUND_TYPE.search(xmp[:LONGEST])
    if found is None:
        return None
    tool = FOUND_TOOL.search(xmp[:LONGEST])
    return found[1].decode(), tool[1].decode(errors="replace") if tool else ""


def _xmp(path: Path) -> bytes:
    with path.open("rb") as file:
        head = file.read(12)
    if head[4:8] in (b"ftyp", b"moov", b"wide", b"mdat", b"free"):
        return _boxes(path)
    if head[:4] == b"\x1aE\xdf\xa3":
        return _matroska(path)
    if head[:3] == b"GIF":
        return _of_gif(path)
    try:
        with PILImage.open(path) as picture:
            info = picture.info
        held = info.get("xmp") or info.get(PNG_KEY.decode()) or b""
    except (OSError, SyntaxError, ValueError, PILImage.DecompressionBombError):
        return b""
    return held.encode() if isinstance(held, str) else bytes(held)


def _of_gif(path: Path) -> bytes:
    """What follows the XMP extension, of which ours is the last thing in the file."""
    size = path.stat().st_size
    with path.open("rb") as file:
        file.seek(max(0, size - LONGEST))
        return file.read().partition(GIF_KEY)[2]


def _boxes(path: Path) -> bytes:
    """The body of the XMP box among the outermost ones."""
    size = path.stat().st_size
    with path.open("rb") as file:
        at = 0
        while at + 8 <= size:
            file.seek(at)
            length, kind = struct.unpack(">I4s", file.read(8))
            header = 8
            if length == 1 and at + 16 <= size:
                length, header = struct.unpack(">Q", file.read(8))[0], 16
            length = length or size - at
            if length < header:
                return b""
            if kind == b"uuid" and file.read(16) == XMP_BOX:
                return file.read(min(length - header - 16, LONGEST))
            at += length
    return b""


def _matroska(path: Path) -> bytes:
    import av  # .07 s, for this alone
    import av.error

    try:
        with av.open(f"file:{path}", format="matroska", options={"protocol_whitelist": "file"}) as container:
            return container.metadata.get(TAG, "").encode()
    except (OSError, av.error.FFmpegError) as error:
        raise ReenactError(f"{path}: cannot be read ({getattr(error, 'strerror', None) or type(error).__name__})") from None
