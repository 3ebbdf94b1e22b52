"""A Python of its own that can import PyTorch, NumPy, OpenCV and what a pack carries, and nothing else that this machine has."""

import os
import subprocess
import sys
from pathlib import Path

TORCH = (
    "torch",
    "torchgen",
    "functorch",
    "sympy",
    "mpmath",
    "networkx",
    "jinja2",
    "markupsafe",
    "filelock",
    "fsspec",
    "typing_extensions",
)
"""PyTorch, and what it does not work without"""
ONLY = (*TORCH, "numpy", "cv2")
BARE = """
import importlib.machinery as machinery, importlib.metadata as metadata, os, runpy, sys

class Only:
    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        stdlib = top in sys.stdlib_module_names or top.startswith("_sysconfigdata")
        if stdlib or top in {allowed!r} or os.path.isdir(os.path.join({code!r}, top)):
            return machinery.PathFinder.find_spec(name, path, target)

    def find_distributions(self, context=metadata.DistributionFinder.Context()):
        found = metadata.MetadataPathFinder.find_distributions(context)
        return [one for one in found if one.metadata["Name"] in {allowed!r} or str(one.locate_file("")) == {code!r}]

sys.meta_path[:] = [machinery.BuiltinImporter, machinery.FrozenImporter, Only()]
sys.argv = {argv!r}
runpy.run_path(sys.argv[0], run_name="__main__")
for name in {own!r}:
    assert sys.modules[name].__file__.startswith({code!r}), sys.modules[name].__file__
"""


def run(script: Path, *arguments: str | Path, code: Path, more: tuple[str, ...] = (), own: tuple[str, ...] = ()) -> str:
    """What the script says. code: the folder of carried packages; more: packages that are installed there too; own: modules that
    must have come from `code`. Raises AssertionError with its errors."""
    argv = [str(part) for part in (script, *arguments)]
    bare = BARE.format(allowed=(*ONLY, *more), code=str(code), argv=argv, own=own)
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "HOME": str(code), "REENACT_CACHE": str(code / "none")}
    environment.pop("PYTHONPATH", None)
    done = subprocess.run([sys.executable, "-c", bare], env=environment, capture_output=True, text=True, cwd=script.parent)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
