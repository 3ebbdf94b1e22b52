"""Malformed files of twenty kinds through the command line: each must end in a clear error or a good result.

    scripts/fuzz [--seed 0] [--files 200] [--kind NAME ...] [--json results/robustness.json]

They run in one process; a crash or a hang costs one file, and a new one goes on. The method is the fake one of fake_method.py,
with a map of its own: what is tried is everything that reads, decides and writes. A finding is a traceback, more than one line
of error, more than 20 s of processor time (or three minutes by the clock), more than 1 GB, or a file left half-written.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import io
import json
import multiprocessing
import platform
import queue
import random
import shutil
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import PIL
from PIL import Image as PILImage

from clips import face, moving_face, write_clip
from fake_method import write_fake_method
from media_clips import make_clip
from reenact import cli
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.motion.expression import ExpressionMap
from reenact.motion.takes import Take
from reenact.runtime import engine
from reenact.runtime.onnx_method import OnnxMethod

SECONDS, MEGABYTES, HANGS = 20, 1000, 180
CODE = 3


@dataclass
class Outcome:
    """Of one file. seconds: of processor time, so that a busy machine finds nothing."""

    kind: str
    number: int
    result: str
    """clear error, good result, or finding"""
    said: str
    seconds: float
    megabytes: int


Maker = Callable[[Path, random.Random], list[str]]
"""writes a malformed file into a folder and gives the command line; {face}, {clip}, {fake} stand for good inputs"""


def broken(data: bytes, rnd: random.Random) -> bytes:
    """Some bytes changed, put in, taken out or repeated, near the head more often than elsewhere."""
    out = bytearray(data)
    for _ in range(rnd.choice([1, 1, 3, 10, 60])):
        at = rnd.randrange(min(len(out), rnd.choice([64, 2000, 10**9])))
        what = rnd.random()
        if what < 0.6:
            out[at] = rnd.choice([rnd.randrange(256), 0, 255, out[at] ^ (1 << rnd.randrange(8))])
        elif what < 0.75:
            out[at:at] = bytes(rnd.randrange(256) for _ in range(rnd.choice([1, 4, 100])))
        elif what < 0.9:
            del out[at : at + rnd.choice([1, 4, 100])]
        else:
            out[at:at] = out[at : at + 200]
        if not out:
            return b"\0"
    return bytes(out[: rnd.randrange(1, len(out) + 1)]) if rnd.random() < 0.2 else bytes(out)


def photo_of(kind: str, ending: str) -> Maker:
    def make(folder: Path, rnd: random.Random) -> list[str]:
        held = io.BytesIO()
        PILImage.fromarray(face(200)).save(held, kind)
        (folder / f"bad.{ending}").write_bytes(broken(held.getvalue(), rnd))
        return ["animate", str(folder / f"bad.{ending}"), "{clip}"]

    return make


def huge_photo(folder: Path, rnd: random.Random) -> list[str]:
    """A header that claims a size which the file does not hold."""
    held = io.BytesIO()
    PILImage.fromarray(face(64)).save(held, "BMP")
    data = bytearray(held.getvalue())
    for at in (18, 22):
        data[at : at + 4] = rnd.choice([12_000, 30_000, 2**31 - 1, 1, rnd.randrange(2**31)]).to_bytes(4, "little")
    (folder / "bad.bmp").write_bytes(data)
    return ["animate", str(folder / "bad.bmp"), "{clip}"]


def video_of(ending: str, sound: str | None, codec: str = "libx264") -> Maker:
    def make(folder: Path, rnd: random.Random) -> list[str]:
        if codec == "libx264":
            whole = write_clip(folder / "whole.mp4", moving_face(10), audio=True)
            if ending != "mp4" or sound != "aac":
                whole = remuxed(whole, folder / f"whole.{ending}", sound)
        else:
            whole = make_clip(folder / f"whole.{ending}", [Fraction(k, 25) for k in range(10)], Fraction(25), codec=codec)
        data = broken(whole.read_bytes(), rnd)
        for path in folder.iterdir():
            path.unlink()
        (folder / f"bad.{ending}").write_bytes(data)
        options = ["--start", "0.2"] if rnd.random() < 0.3 else []
        return ["animate", "{face}", str(folder / f"bad.{ending}"), *options]

    return make


def remuxed(source: Path, target: Path, sound: str | None) -> Path:
    """The same pictures in another container, the sound in another codec."""
    with av.open(str(source)) as old, av.open(str(target), "w") as new:
        pictures = new.add_stream_from_template(old.streams.video[0])
        out = new.add_stream(sound, rate=48000, layout="mono") if sound else None
        for packet in old.demux(video=0):
            if packet.size:
                packet.stream = pictures
                new.mux(packet)
        if out is not None:
            old.seek(0)
            resampler = av.AudioResampler(out.codec_context.format.name, "mono", 48000, out.codec_context.frame_size or None)
            for frame in old.decode(audio=0):
                for piece in resampler.resample(frame):
                    new.mux(out.encode(piece))
            new.mux(out.encode(None))
    return target


def sound_alone(folder: Path, rnd: random.Random) -> list[str]:
    """Good pictures, sound packets of noise."""
    whole = remuxed(write_clip(folder / "whole.mp4", moving_face(10), audio=True), folder / "whole.mkv",
                    rnd.choice(["flac", "aac", "ac3", "pcm_s16le"]))  # fmt: skip
    with av.open(str(whole)) as old, av.open(str(folder / "bad.mkv"), "w") as new:
        streams = {stream.index: new.add_stream_from_template(stream) for stream in old.streams}
        for packet in old.demux():
            if not packet.size:
                continue
            out = streams[packet.stream.index]
            if packet.stream.type == "audio" and rnd.random() < 0.5:
                noise = av.Packet(broken(bytes(packet), rnd))
                noise.pts, noise.dts, noise.time_base = packet.pts, packet.dts, packet.time_base
                packet = noise
            packet.stream = out
            new.mux(packet)
    whole.unlink()
    (folder / "whole.mp4").unlink()
    return ["animate", "{face}", str(folder / "bad.mkv")]


def pointer(folder: Path, rnd: random.Random) -> list[str]:
    """A text under a video's name that names another file or an address."""
    texts = [
        "ffconcat version 1.0\nfile '{clip}'\n",
        "#EXTM3U\n#EXTINF:1,\n{clip}\n#EXT-X-ENDLIST\n",
        "#EXTM3U\n#EXTINF:1,\nhttp://127.0.0.1:9/x.ts\n#EXT-X-ENDLIST\n",
        "v=0\no=- 0 0 IN IP4 127.0.0.1\ns=x\nt=0 0\nm=video 5004 RTP/AVP 96\n",
        "[InternetShortcut]\nURL=file:///etc/passwd\n",
    ]
    name = folder / f"bad.{rnd.choice(['mp4', 'mkv', 'ts', 'm3u8', 'txt', 'sdp'])}"
    name.write_text(rnd.choice(texts))
    return ["animate", "{face}", str(name)]


def a_take(folder: Path, ending: str) -> bytes:
    vectors = np.zeros((6, 6 + CODE), np.float32)
    vectors[:, 3], vectors[:, 0] = 1, np.linspace(0, 0.3, 6)
    path = folder / f"whole.{ending}"
    times, looks = tuple(Fraction(k, 25) for k in range(6)), np.zeros((6, 2, 2), np.float32)
    Take("fake", "", Fraction(25), times, vectors, np.ones(6, bool), gazes=looks).save(path)
    data = path.read_bytes()
    path.unlink()
    return data


def take_of(ending: str) -> Maker:
    def make(folder: Path, rnd: random.Random) -> list[str]:
        data = a_take(folder, ending)
        (folder / f"bad.{ending}").write_bytes(texted(data, rnd) if ending == "json" else broken(data, rnd))
        return ["animate", "{face}", str(folder / f"bad.{ending}"), *rnd.choice([[], ["--fps", "30"], ["--start", "0.1"]])]

    return make


def texted(data: bytes, rnd: random.Random) -> bytes:
    """A text with numbers and marks exchanged for others that have a meaning."""
    odd = [b"1e308", b"1e999999999", b"-1", b"NaN", b"Infinity", b"null", b"[]", b"{}", b'""', b"1/0", b"9" * 400, b"", b"\xff"]
    pieces = data.replace(b",", b"\x01,\x01").replace(b"\n", b"\x01\n\x01").split(b"\x01")
    for _ in range(rnd.choice([1, 1, 3])):
        pieces[rnd.randrange(len(pieces))] = rnd.choice(odd)
    return broken(b"".join(pieces), rnd) if rnd.random() < 0.3 else b"".join(pieces)


def csv_of(folder: Path, rnd: random.Random) -> list[str]:
    live = "Timecode,BlendShapeCount,JawOpen,EyeBlinkLeft,HeadYaw,HeadPitch,HeadRoll\n"
    live += "".join(f"00:00:00:0{k}.000,52,0.{k},0,0.0{k},0,0\n" for k in range(6))
    ours = "time,jawOpen,yaw\n" + "".join(f"{k / 25},0.{k},{k}\n" for k in range(6))
    (folder / "bad.csv").write_bytes(texted(rnd.choice([live, ours]).encode(), rnd))
    return ["animate", "{face}", str(folder / "bad.csv"), *rnd.choice([[], ["--fps", "30"]])]


def call_of(folder: Path, rnd: random.Random) -> list[str]:
    (folder / "bad.rnct").write_bytes(broken((folder.parent / "good.rnct").read_bytes(), rnd))
    return ["decode", "{face}", str(folder / "bad.rnct")]


def weights_of(folder: Path, rnd: random.Random) -> list[str]:
    shutil.copytree(folder.parent / "fake", folder / "bad")
    path = rnd.choice(sorted((folder / "bad").iterdir()))
    path.write_bytes((texted if path.suffix == ".json" else broken)(path.read_bytes(), rnd))
    return ["animate", "{face}", "{clip}", "--method", str(folder / "bad"), *rnd.choice([[], ["--parts", "mouth=source"]])]


KINDS: dict[str, Maker] = {
    "JPEG": photo_of("JPEG", "jpg"),
    "PNG": photo_of("PNG", "png"),
    "WebP": photo_of("WEBP", "webp"),
    "AVIF": photo_of("AVIF", "avif"),
    "JPEG 2000": photo_of("JPEG2000", "jp2"),
    "TIFF": photo_of("TIFF", "tif"),
    "GIF": photo_of("GIF", "gif"),
    "photo of a claimed size": huge_photo,
    "MP4": video_of("mp4", "aac"),
    "Matroska": video_of("mkv", "flac"),
    "QuickTime": video_of("mov", "pcm_s16le"),
    "transport stream": video_of("ts", "ac3"),
    "MPEG program stream": video_of("mpg", None, "mpeg1video"),
    "raw H.264": video_of("h264", None),
    "sound of noise": sound_alone,
    "pointer to another file": pointer,
    "take": take_of("npz"),
    "take as JSON": take_of("json"),
    "blendshapes as CSV": csv_of,
    "call": call_of,
    "weights folder": weights_of,
}


def inputs(folder: Path) -> dict[str, str]:
    """Good inputs, made once."""
    PILImage.fromarray(face()).save(folder / "face.png")
    write_clip(folder / "clip.mp4", moving_face(3), audio=True)
    fake = write_fake_method(folder / "fake")
    random_map = np.random.default_rng(0).normal(0, 0.1, (52, CODE)).astype(np.float32)
    flat = np.zeros(CODE, np.float32)
    assert len(BLENDSHAPE_NAMES) == 52
    spread = np.ones(52, np.float32)
    weights = OnnxMethod(fake, "cpu").fingerprint
    ExpressionMap(random_map, random_map.T.copy(), 0 * spread, flat, flat + 1, spread, "fake", weights).save(fake)
    given = {"face": str(folder / "face.png"), "clip": str(folder / "clip.mp4"), "fake": str(fake)}
    if not (folder / "good.rnct").exists():
        cli.run(["encode", given["clip"], "-o", str(folder / "good.rnct"), "--method", given["fake"], "--device", "cpu"])
    return given


def attempt(given: dict[str, str], arguments: list[str], out: Path) -> tuple[str, str]:
    """Runs one command line; result and what was said."""
    filled = [argument.format(**given) if argument[:1] == "{" else argument for argument in arguments]
    if "--method" not in filled:
        filled += ["--method", given["fake"]]
    errors = io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            code = cli.run([*filled, "--device", "cpu", "--background", "moved", "--unsigned", "-o", str(out / "out.mp4")])
    except BaseException:
        return "finding", traceback.format_exc()
    said = errors.getvalue()
    left = sorted(path.name for path in out.iterdir())
    lines = said.splitlines()
    if code == 2 and not left and sum(line.startswith("error: ") for line in lines) == 1 and lines[-1].startswith("error: "):
        return "clear error", lines[-1]
    if code == 0 and left == ["out.mp4"]:
        with av.open(str(out / "out.mp4")) as film:
            if sum(1 for _ in film.decode(video=0)):
                return "good result", said
    return "finding", f"exit code {code}, left {left}, said {said}"


def work(jobs: list[tuple[str, int]], seed: int, folder: str, results) -> None:
    """One process: these files, each a kind and a number, one after another."""
    base = Path(folder)
    engine.load = functools.lru_cache(maxsize=2)(engine.load)  # compiled once for all files that bring no weights
    with contextlib.redirect_stderr(io.StringIO()):
        given = {"face": str(base / "face.png"), "clip": str(base / "clip.mp4"), "fake": str(base / "fake")}
    for kind, number in jobs:
        place = Path(tempfile.mkdtemp(dir=base))
        out = place / "out"
        rnd = random.Random(f"{seed} {kind} {number}")
        bad = place / "in"
        bad.mkdir()
        # makers look for good.rnct and fake beside the folder that they write into
        (place / "good.rnct").symlink_to(base / "good.rnct")
        (place / "fake").symlink_to(base / "fake")
        arguments = KINDS[kind](bad, rnd)
        out.mkdir()
        results.put(("begun", (kind, number), str(bad)))
        Path("/proc/self/clear_refs").write_text("5")
        began = time.process_time()
        result, said = attempt(given, arguments, out)
        seconds = time.process_time() - began
        status = dict(line.split(":", 1) for line in Path("/proc/self/status").read_text().splitlines())
        megabytes = int(status["VmHWM"].split()[0]) // 1000
        if seconds > SECONDS or megabytes > MEGABYTES:
            result = "finding"
        results.put(("done", (kind, number), Outcome(kind, number, result, said[:2000], round(seconds, 2), megabytes)))
        if result != "finding":
            shutil.rmtree(place)


def campaign(jobs: list[tuple[str, int]], seed: int, folder: Path, until: float) -> list[Outcome]:
    """These files, until that time; a crash or a hang is a finding, and a new process goes on with the next."""
    context = multiprocessing.get_context("spawn")
    left, outcomes = list(jobs), []
    while left and time.monotonic() < until:
        results = context.Queue()
        process = context.Process(target=work, args=(left, seed, str(folder), results), daemon=True)
        process.start()
        doing, deadline = left[0], time.monotonic() + HANGS
        while left and time.monotonic() < until:
            try:
                what, job, value = results.get(timeout=0.5)
            except queue.Empty:
                if process.is_alive() and time.monotonic() < deadline:
                    continue
                why = "hangs" if process.is_alive() else f"crashes (exit code {process.exitcode})"
                outcomes.append(Outcome(*doing, "finding", why, HANGS, 0))
                left.remove(doing)
                break
            if what == "begun":
                doing, deadline = job, time.monotonic() + HANGS
                continue
            outcomes.append(value)
            left.remove(job)
            if value.result == "finding":
                print("finding", job, value.said[-1500:], flush=True)  # noqa: T201
        process.kill()
        process.join(10)
    return outcomes


def summary(outcomes: list[Outcome]) -> dict[str, dict[str, float | int]]:
    """A row for each kind."""
    rows = {}
    for kind in dict.fromkeys(outcome.kind for outcome in outcomes):
        own = [outcome for outcome in outcomes if outcome.kind == kind]
        rows[kind] = {
            "files": len(own),
            **{word.replace(" ", "_"): sum(o.result == word for o in own) for word in ("clear error", "good result", "finding")},
            "seconds_max": max(outcome.seconds for outcome in own),
            "megabytes_max": max(outcome.megabytes for outcome in own),
        }
    return rows


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--files", type=int, default=210, help="of all kinds together")
    parser.add_argument("--seconds", type=float, default=3600, help="by the clock; what is not tried by then is left")
    parser.add_argument("--kind", action="append", choices=list(KINDS))
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="folder for the files of findings")
    given = parser.parse_args()
    kinds = given.kind or list(KINDS)
    jobs = [(kind, number) for number in range(-(-given.files // len(kinds))) for kind in kinds]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        inputs(folder)
        outcomes = campaign(jobs, given.seed, folder, time.monotonic() + given.seconds)
        for kind, row in summary(outcomes).items():
            print(f"{kind}: {row}", flush=True)  # noqa: T201
        if given.keep:
            for bad in folder.glob("tmp*/in"):
                shutil.copytree(bad, given.keep / bad.parent.name, dirs_exist_ok=True)
    if given.json:
        bounds = f"--seed {given.seed} --files {given.files} --seconds {given.seconds:g}"
        command = f"scripts/fuzz {bounds} --json results/{given.json.name}"
        about = {"command": command, "seconds_allowed": SECONDS, "megabytes_allowed": MEGABYTES, "system": platform.system(),
                 "av": av.__version__, "pillow": PIL.__version__, "numpy": np.__version__}  # fmt: skip
        words = ("clear error", "good result", "finding")
        total = {"files": len(outcomes), **{w.replace(" ", "_"): sum(o.result == w for o in outcomes) for w in words}}
        findings = [asdict(outcome) for outcome in outcomes if outcome.result == "finding"]
        text = json.dumps({**about, "total": total, "kinds": summary(outcomes), "findings": findings}, indent=1)
        given.json.write_text(text + "\n", encoding="utf-8")
    return int(any(outcome.result == "finding" for outcome in outcomes))


if __name__ == "__main__":
    raise SystemExit(main())
