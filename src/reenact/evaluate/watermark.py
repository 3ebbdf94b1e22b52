"""What the watermark costs and what it survives: `python -m reenact.evaluate.watermark results/provenance.json`.

Two films are made (the portrait and the rendered head in examples/, both public), marked, written as the commands write them
(x264, crf 16) and then attacked. z is what `reenact verify` finds, search included; so a mark is missed below 6, or 7 where it
had to be searched for. The false alarms are detections in unmarked pictures. With `times` behind it, the time of
marking a frame is measured anew and the rest left.
"""

from __future__ import annotations

import io
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from typing import Any

import av
import numpy as np
from PIL import Image as PILImage

from reenact.core.provenance import measured_with
from reenact.core.types import Image, Portrait
from reenact.evaluate.results import write_json
from reenact.faces.crop import paste, soft_mask
from reenact.media.image import read_image
from reenact.media.video import VideoReader
from reenact.pipeline.animate import animate
from reenact.provenance import watermark
from reenact.provenance.search import Look
from reenact.provenance.verify import FRAMES, find_in
from reenact.provenance.watermark import FOUND, LOOK, mark, residual, z_of
from reenact.runtime.onnx_method import load, weights_folder

COUNT = 75
"""frames of each film"""
LOOKS = 100_000
Attack = Callable[[list[Image]], list[Image]]


def encoded(frames: Sequence[Image], crf: int, preset: str = "medium") -> tuple[list[Image], int]:
    """Through x264 and back; and the bytes it took. medium is what the command ffmpeg takes by itself."""
    held = io.BytesIO()
    with av.open(held, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=Fraction(25), options={"crf": str(crf), "preset": preset, "threads": "1"})
        stream.height, stream.width = frames[0].shape[0] // 2 * 2, frames[0].shape[1] // 2 * 2
        stream.pix_fmt = "yuv420p"
        for image in frames:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(image), format="rgb24")
            container.mux(stream.encode(frame.reformat(stream.width, stream.height, "yuv420p")))
        container.mux(stream.encode(None))
    with av.open(io.BytesIO(held.getvalue()), "r") as film:
        return [frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)], len(held.getvalue())


def resized(frames: Sequence[Image], factor: float) -> list[Image]:
    """Every frame, `factor` times as large, sides even."""
    height, width = (round(side * factor / 2) * 2 for side in frames[0].shape[:2])
    return [np.asarray(PILImage.fromarray(frame).resize((width, height), PILImage.Resampling.BICUBIC)) for frame in frames]


def cropped(frames: Sequence[Image], share: float) -> list[Image]:
    """Without `share` of each side: two thirds of it cut at the left and the top, so that the middle moves too."""
    height, width = frames[0].shape[:2]
    top, left = round(height * share * 2 / 3), round(width * share * 2 / 3)
    bottom, right = height - round(height * share / 3), width - round(width * share / 3)
    return [frame[top:bottom, left:right] for frame in frames]


def jpeg(frames: Sequence[Image], quality: int) -> list[Image]:
    """Each frame as a JPEG and back."""
    out = []
    for frame in frames:
        held = io.BytesIO()
        PILImage.fromarray(frame).save(held, "JPEG", quality=quality)
        out.append(np.asarray(PILImage.open(held)))
    return out


def turned(frames: Sequence[Image], degrees: float) -> list[Image]:
    """Every frame, turned about its middle."""
    return [np.asarray(PILImage.fromarray(frame).rotate(degrees, PILImage.Resampling.BICUBIC)) for frame in frames]


FILMS: dict[str, Attack] = {
    "as it is written (crf 16)": list,
    "x264 crf 23": lambda frames: encoded(frames, 23)[0],
    "x264 crf 28": lambda frames: encoded(frames, 28)[0],
    "x264 crf 33": lambda frames: encoded(frames, 33)[0],
    "x264 crf 28, preset veryfast": lambda frames: encoded(frames, 28, "veryfast")[0],
    "half size, x264 crf 28": lambda frames: encoded(resized(frames, 0.5), 28)[0],
    "one and a half size, x264 crf 28": lambda frames: encoded(resized(frames, 1.5), 28)[0],
    "cropped by 5 %": lambda frames: cropped(frames, 0.05),
    "cropped by 5 %, x264 crf 28": lambda frames: encoded(cropped(frames, 0.05), 28)[0],
    "cropped by 10 %": lambda frames: cropped(frames, 0.10),
    "its first 5 frames": lambda frames: frames[:5],
    "cropped by 25 %": lambda frames: cropped(frames, 0.25),
    "turned by 2 degrees": lambda frames: turned(frames, 2.0),
    "mirrored": lambda frames: [np.ascontiguousarray(frame[:, ::-1]) for frame in frames],
    "a quarter of its size": lambda frames: resized(frames, 0.25),
}
PICTURES: dict[str, Attack] = {
    "PNG": list,
    "JPEG 75": lambda frames: jpeg(frames, 75),
    "JPEG 50": lambda frames: jpeg(frames, 50),
    "half size, JPEG 75": lambda frames: jpeg(resized(frames, 0.5), 75),
    "cropped by 5 %, JPEG 75": lambda frames: jpeg(cropped(frames, 0.05), 75),
}


def looked(frames: Sequence[Image]) -> Look:
    """As `reenact verify` checks a film or, where there is one frame, a picture."""
    return find_in(iter(frames[:: max(1, len(frames) // FRAMES)]))


def measure(drawn: list[Image], portrait: Portrait) -> dict[str, Any]:
    """Cost, and z after every attack, of one film."""
    marked = [mark(frame) for frame in drawn]
    error = np.mean([np.square(a.astype(np.float32) - b).mean() for a, b in zip(marked, drawn, strict=True)])
    (film, size), plain = encoded(marked, 16, "veryfast"), encoded(drawn, 16, "veryfast")[1]
    assert portrait.photo is not None and portrait.placement is not None
    mask = soft_mask(drawn[0].shape[0])
    pasted = [paste(portrait.photo, frame, portrait.placement, mask) for frame in marked]
    in_photo = encoded(pasted, 16, "veryfast")[0]
    seen = {name: looked(attack(film)) for name, attack in FILMS.items()}
    seen |= {f"picture: {name}": looked(attack(marked[:1])) for name, attack in PICTURES.items()}
    seen["in the photo"] = looked(in_photo)
    seen["in the photo, x264 crf 28"] = looked(encoded(in_photo, 28)[0])
    seen["picture: in the photo"] = looked(pasted[:1])
    seen["never marked"] = looked(drawn)
    seen["never marked, in the photo"] = looked([portrait.photo])
    return {
        "head_side": round(portrait.placement.side),
        "psnr": round(10 * float(np.log10(255**2 / error)), 2),
        "more_bits_at_crf_16": round(size / plain - 1, 3),
        "z": {name: {"z": round(look.z, 1), "found": look.found} for name, look in seen.items()},
    }


def alarms(pictures: Sequence[Image], count: int, seed: int) -> dict[str, Any]:
    """The detector on unmarked pictures, at random places, scales and mirrored: how many reach FOUND; how z is spread."""
    rng = np.random.default_rng(seed)
    values: list[float] = []
    for place in range(-(-count // 100)):
        image = PILImage.fromarray(pictures[place % len(pictures)]).convert("L")
        if rng.random() < 0.5:
            image = image.transpose(PILImage.Transpose.FLIP_LEFT_RIGHT)
        scale = LOOK / (rng.uniform(0.4, 0.9) * min(image.size))
        small = image.resize((round(image.width * scale), round(image.height * scale)), PILImage.Resampling.BICUBIC)
        left = residual(np.asarray(small, np.float32))
        for _ in range(min(100, count - len(values))):
            y, x = (int(rng.integers(side - LOOK + 1)) for side in left.shape)
            values.append(z_of(left[y : y + LOOK, x : x + LOOK]))
    seen = np.array(values)
    reached = int((seen >= FOUND).sum())
    return {"looks": count, "alarms": reached, "highest": round(float(seen.max()), 2), "deviation": round(float(seen.std()), 3)}


def milliseconds(image: Image, times: int = 200) -> float:
    """Of the processor, marking one frame on one thread (OMP_NUM_THREADS=1): the median."""
    mark(image)
    taken = []
    for _ in range(times):
        began = time.process_time()
        mark(image)
        taken.append(time.process_time() - began)
    return round(1000 * float(np.median(taken)), 2)


def times(portrait: Image) -> dict[str, float]:
    """Milliseconds by the head's side."""
    return {str(side): milliseconds(np.asarray(PILImage.fromarray(portrait).resize((side, side)))) for side in (256, 512, 1024)}


def _films(folder: Path) -> Iterator[tuple[str, Portrait, list[Image]]]:
    method = load("mmfa")
    with VideoReader(folder / "driving.mp4") as reader:
        rendered = next(iter(reader)).image
    for name, photo in (("portrait", read_image(folder / "portrait.jpg")), ("rendered head", rendered)):
        portrait = method.encode_source(photo)
        yield name, portrait, list(islice(animate(portrait, folder / "driving.mp4", method=method), COUNT))


def main(path: Path, folder: Path = Path("examples")) -> None:
    """Writes the figures. folder: with portrait.jpg and driving.mp4."""
    films = {name: (portrait, drawn) for name, portrait, drawn in _films(folder)}
    unmarked = [frame for _, drawn in films.values() for frame in drawn[::5]]
    with VideoReader(folder / "driving.mp4") as reader:
        unmarked += [frame.image for number, frame in enumerate(reader) if number % 10 == 0]
    unmarked.append(read_image(folder / "portrait.jpg"))
    found = {
        "command": "python -m reenact.evaluate.watermark results/provenance.json",
        **measured_with(weights_folder() / "mmfa"),
        "version": watermark.VERSION,
        "frames": COUNT,
        "milliseconds": times(read_image(folder / "portrait.jpg")),
        "films": {name: measure(drawn, portrait) for name, (portrait, drawn) in films.items()},
        "false_alarms": alarms(unmarked, LOOKS, 1),
    }
    write_json(path, found)


if __name__ == "__main__":
    target = Path(sys.argv[1] if len(sys.argv) > 1 else "results/provenance.json")
    if sys.argv[2:] == ["times"]:
        held = json.loads(target.read_text(encoding="utf-8"))
        write_json(target, held | {"milliseconds": times(read_image("examples/portrait.jpg"))})
    else:
        main(target)
