"""A pool's pictures as H.264: a tenth of what JPEGs weigh (1.8 kB a frame of clips, 40 dB), decoded by OpenCV on all cores.

A film holds whole clips, one after another, each from a key frame on; frame n of all films in their order is row n of the pool.
"""

from __future__ import annotations

import io
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from jaxtyping import UInt8

from reenact.core.errors import ReenactError
from reenact.data.pool import Pool

FRAMES = 512
"""ours: of a film, unless one clip is longer; enough films to keep 16 cores busy"""
QUALITY, STILL_QUALITY = "18", "14"
"""ours: x264's constant rate factor of clips, and of single photos, of which nobody sees the next frame: 5 to 8 kB each"""
STILLS = ("ptrain", "pval")
RATE = 25
"""frames a second that the films claim; nothing uses it"""

ROUNDING = np.uint8(1)
"""grey level: FFmpeg's way from YUV to RGB rounds down (measured: 1.0, 1.2, 1.3 too dark; .0, .2, .3 with this)"""

Pictures = UInt8[np.ndarray, "n size size 3"]


def name(number: int) -> str:
    """Of the file of film `number`."""
    return f"film_{number:03d}.mp4"


def films(pool: Pool, rows: np.ndarray) -> Iterator[tuple[int, bytes]]:
    """Number of frames and bytes (MP4) of each film of these rows, which are in the pool's order. Raises ReenactError where PyAV
    has no H.264 encoder."""
    for portion in portions(pool, rows):
        yield len(portion), film(pool, portion)


def portions(pool: Pool, rows: np.ndarray) -> Iterator[np.ndarray]:
    """Row numbers of each film: whole clips, and single photos apart from them."""
    clip, still = pool.clip[rows], np.isin(pool.split[rows], STILLS)
    held: list[np.ndarray] = []
    count = 0
    for own in np.split(np.arange(len(rows)), np.flatnonzero(clip[1:] != clip[:-1]) + 1):
        if held and (still[held[0][0]] != still[own[0]] or count + len(own) > FRAMES):
            yield rows[np.concatenate(held)]
            held, count = [], 0
        held.append(own)
        count += len(own)
    yield rows[np.concatenate(held)]


def film(pool: Pool, rows: np.ndarray) -> bytes:
    """These rows of a pool, clips that follow each other, as one MP4."""
    import av
    from av.error import FFmpegError
    from av.video.frame import PictureType

    side, held = pool.frames[0].shape[1], io.BytesIO()
    still = pool.split[rows[0]] in STILLS
    try:
        with av.open(held, "w", format="mp4") as container:
            options = {"crf": STILL_QUALITY if still else QUALITY, "preset": "medium"}
            stream = container.add_stream("libx264", rate=RATE, options=options)
            stream.width = stream.height = side
            stream.pix_fmt = "yuv420p"
            last = None
            for row in rows:
                frame = av.VideoFrame.from_ndarray(pool.read(np.array([row]))[0], "rgb24")
                frame.pict_type = PictureType.I if pool.clip[row] != last else PictureType.NONE
                last = pool.clip[row]
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    except FFmpegError as error:
        raise ReenactError(f"this PyAV encodes no H.264 ({error}): pip install --upgrade av") from error
    return held.getvalue()


def decode(paths: Sequence[Path], lengths: Sequence[int], frames: Pictures, threads: int = 0) -> None:
    """Fills `frames` with all films' pictures, RGB, by OpenCV, a film a thread. threads: 0 is one for each core.

    Raises ReenactError where a film holds fewer pictures than it should.
    """
    import cv2

    cv2.setNumThreads(1)
    starts = np.cumsum([0, *lengths])
    with ThreadPoolExecutor(threads or os.cpu_count()) as workers:
        jobs = [
            workers.submit(_fill, path, frames[start : start + count])
            for path, start, count in zip(paths, starts, lengths, strict=False)
        ]
        for job in jobs:
            job.result()


def _fill(path: Path, frames: Pictures) -> None:
    import cv2

    video = cv2.VideoCapture(str(path), cv2.CAP_FFMPEG, [cv2.CAP_PROP_N_THREADS, 1])
    for number in range(len(frames)):
        whole, picture = video.read()
        if not whole:
            raise ReenactError(f"{path} ends after {number} of {len(frames)} pictures: pack anew")
        brighter = np.minimum(picture, 255 - ROUNDING) + ROUNDING
        frames[number] = brighter[:, :, ::-1]
    video.release()
