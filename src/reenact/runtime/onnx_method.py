"""The three verbs on exported graphs: a folder with config.json, source.onnx, motion.onnx and the render graphs.

    photo --landmarker, crop--> image --source.onnx--> tensors, held in render   (once)
    frame --motion.onnx--> Motion --transfer--> Motion --render--> frame               (each frame)

Contract: source and motion take `image` [1, 3, 256, 256], RGB in [0, 1]; motion gives the fields of `Motion`, each
with a batch axis, and may give more of the person (canonical keypoints), which goes with the source's tensors; render
takes the source's tensors (and `image`), source_<field> and driving_<field>, and gives `frame`. config.json may list
the graphs of render ("render": [[file, "fast" | "exact"], ...]): they run in that order, outputs feeding inputs of
the same name, the exact ones always in fp32; without a list it is render.onnx alone. "motion" says the same of
motion.onnx. "source" and the list may name graphs in ../shared, which methods with the same rendering network have in common.
"""

from __future__ import annotations

import hashlib
import os
import warnings
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import cached_property, partial
from pathlib import Path
from threading import Lock, RLock
from typing import Any

import numpy as np

from reenact.core.errors import ReenactError, WeightsError
from reenact.core.files import as_path
from reenact.core.memory import end_loading, give_back
from reenact.core.types import AS_USUAL, CODED, Framing, Image, Motion, Placement, Portrait, check_picture, check_portrait
from reenact.core.values import is_whole, written
from reenact.faces import eyes
from reenact.faces.crop import cut, head_crop
from reenact.faces.crown import closed_beside, closed_cut, crowned, cut_off_above, cut_off_beside, is_cut_off
from reenact.faces.framing import framing, looked_at, roomy
from reenact.faces.landmarker import Face, Landmarker
from reenact.faces.portrait import find_face, warn_if_lying, warn_if_small, warn_if_turned
from reenact.motion.mirror import Mirror
from reenact.runtime.around import surroundings
from reenact.runtime.background import FIND, FOUND, HELD, POSE, STILL, Background, BackgroundKeeper, check_background
from reenact.runtime.detail import Enlarger, Enlargers, HeadSize, head_side
from reenact.runtime.drawer import Drawer, Drawers
from reenact.runtime.graph import (
    WEIGHTS,
    Chain,
    Graph,
    OccasionalGraph,
    OpenedAhead,
    Precision,
    Speed,
    lane_count,
    opener,
    thread_count,
)
from reenact.runtime.onnx_text import input_names
from reenact.runtime.renderer import Renderer, check_measured, chosen, for_source, render_files, seen
from reenact.runtime.trust import check_hashes, fitting, read_config

SHARED = "shared"
"""the folder beside a method's for graphs that several methods have in common"""


class OnnxMethod:
    """A method from its weights folder. Implements `core.types.Method`. Its verbs may be called from several threads;
    `encode_source` and `encode_crop` take their turn, and so does `render` beyond as many as it was loaded with lanes.
    `let_go` is for when no other thread uses it."""

    def __init__(
        self,
        folder: Path,
        device: str = "auto",
        threads: int = 0,
        background: Background = "moved",
        head_size: HeadSize | None = None,
        precision: Precision = "auto",
        lanes: int = 1,
        renderer: Renderer = "full",
    ) -> None:
        """device: auto, cpu, cuda or openvino; threads: 0 is automatic; background: runtime/background.py, `moved` being the
        method by itself; head_size: the default of `encode_source`; precision: runtime/graph.py; lanes:
        how many frames `render_all` renders at once, each with its share of the threads; with more than one, graphs are compiled
        while the portrait is encoded already, and one that is damaged is said when it is wanted; renderer: runtime/renderer.py.
        Raises ReenactError: folder, device, background, head_size, precision or renderer bad."""
        check_background(background)
        if not is_whole(lanes) or lanes < 1:
            raise ReenactError(f"lanes must be 1 or more, not {written(lanes)}")
        self.folder = folder = Path(folder)
        self.config = _config(folder)
        self.name: str = self.config["method"]
        self.size: int = self.config["size"]
        self.device, self.threads = device, threads
        self.renderer: Renderer = chosen(renderer, self.config, folder, device, threads, precision)
        self.head_size: HeadSize = self.size if head_size is None else head_size
        head_side(self.head_size, self.size, self.size)
        each = max(1, thread_count(threads) // lanes) if lanes > 1 else threads
        person = weights_folder() / "person"
        self._render_files = render_files(self.config, folder, self.renderer)
        check_measured(self._render_files, folder, precision)
        still = background == "still"
        once: list[tuple[Path, Speed]] = [(person / FIND, "fast")] if still else []
        behind: list[tuple[Path, Speed]] = [(person / STILL, "exact")] if still else []
        read: tuple[Path, Speed] = (folder / "motion.onnx", self.config["motion"])
        source: tuple[Path, Speed] = (folder / self.config["source"], "fast")
        self._pool = pool = ThreadPoolExecutor(lane_count(threads), "reenact-load")
        self._finder = pool.submit(Landmarker, each) if lanes > 1 else None
        encoders = for_source(opener(device, each, precision), source[0], self.renderer, self.size)
        self._encoders = OpenedAhead(encoders, [read, source, *once], pool)
        self._draws = OpenedAhead(opener(device, threads, precision, lanes), behind + self._render_files, pool)
        pool.shutdown(wait=False)
        self._person, self._lanes, self._still = person, lanes, still
        self._open_motion = partial(self._encoders, *read)
        self._reading, self._encoding = Lock(), RLock()
        self._source = OccasionalGraph(partial(self._encoders, *source))
        wanted = {*(HELD if self._still else ()), *self._render_inputs()}
        self._found = tuple(name for name in FOUND if name in wanted)
        if lanes == 1:
            self._source.open()
            self._motion, self._drawers  # noqa: B018  (what is damaged is said now)

    def __repr__(self) -> str:
        return f"<method {self.name}: device {self.device}, renderer {self.renderer}, frames of {self.head_size} px a side>"

    def _render_inputs(self) -> set[str]:
        """Names of what the render graphs take, read from the files: compiling them may still be under way."""
        names: set[str] = set()
        for path, _ in self._render_files:
            with fitting(path):
                names.update(input_names(path.read_bytes()))
        return names

    @cached_property
    def _backdrop(self) -> BackgroundKeeper | None:
        return BackgroundKeeper(self._person, self._encoders, self._draws) if self._found else None

    @cached_property
    def _mirror(self) -> Mirror | None:
        """Raises ReenactError where it is damaged or other weights'."""
        return Mirror.load(self.folder, self.fingerprint)

    @cached_property
    def _motion(self) -> Graph:
        return self._open_motion()

    @cached_property
    def _render(self) -> Chain:
        return Chain([self._draws(*graph) for graph in self._render_files])

    @cached_property
    def _drawers(self) -> Drawers:
        """Compiled when it is first asked for a frame at the latest."""
        kept, person, draws = self._backdrop if self._still else None, self._person, self._draws
        enlarge = Enlargers(lambda side: Enlarger(person, side, draws))
        made = Drawers(Drawer(self._render, kept, enlarge, self.folder, self._mirror), self._lanes)
        end_loading()
        return made

    @property
    def fingerprint(self) -> str:
        """16 hex digits of the motion graph's SHA-256: weights with the same give codes that mean the same."""
        return self._fingerprint

    @cached_property
    def _fingerprint(self) -> str:
        return fingerprint_of(self.folder)

    @property
    def code_size(self) -> int:
        """How many numbers the expression code has."""
        return self._code_size

    @cached_property
    def _code_size(self) -> int:
        known = self.config.get("expression_size")
        return int(known) if known else self.encode_motion(np.zeros((self.size, self.size, 3), np.uint8)).expression.size

    @property
    def precision(self) -> str:
        """The narrowest that a render graph computes in: int8, bf16 or f32."""
        return self._render.precision

    @cached_property
    def landmarker(self) -> Landmarker:
        """What finds the face in a photo; made on first use."""
        coming = self._finder
        return Landmarker(self.threads) if coming is None or coming.cancelled() else coming.result()

    def encode_source(self, image: Image, *, cropped: bool = False, face: int = 1, head_size: HeadSize | None = None) -> Portrait:
        """A photo -> the portrait of its `face`-th largest face (from 1). cropped: deprecated, use `encode_crop`.

        head_size: side of its frames, with the photo's own detail (runtime/detail.py); None: as the
        method was loaded. Raises ReenactError when the photo has no (such) face, is no picture, or head_size is none.
        """
        check_picture(image)
        if cropped:
            warnings.warn("encode_source(crop, cropped=True): use encode_crop(crop)", DeprecationWarning, stacklevel=2)
            return self.encode_crop(image, head_size)
        return self.encode_face(image, find_face(image, self.landmarker, face), head_size=head_size)

    def encode_face(self, image: Image, found: Face, *, head_size: HeadSize | None = None) -> Portrait:
        """The same for a face that has been found in the photo."""
        with self._encoding:
            return self._face(image, found, head_size)

    def _face(self, image: Image, found: Face, head_size: HeadSize | None) -> Portrait:
        usual = head_crop(found)
        warn_if_small(usual, self.size)
        warn_if_turned(found)
        warn_if_lying(found)
        placement = self._roomy(image, usual, found)
        side = head_side(self.head_size if head_size is None else head_size, placement.side, self.size)
        crops = self._cut(image, placement, found, (self.size, side))
        read = crops[0] if placement == usual else self._cut(image, usual, found, (self.size,))[0]
        around = surroundings(image, placement, crops[0])
        portrait = self._encode(crops[0], read, framing(placement, usual))
        portrait = replace(portrait, placement=placement, photo=image, around=around)
        portrait = eyes.known(portrait, found.landmarks, placement)
        return portrait if len(crops) == 1 else replace(portrait, large=crops[1])

    def encode_crop(self, crop: Image, head_size: HeadSize | None = None) -> Portrait:
        """A size x size crop -> its portrait. head_size: as in `encode_source`; where it is more than `size`, so may the crop be.

        Raises ReenactError when the crop or head_size is of a wrong size, or the crop no picture.
        """
        check_picture(crop)
        if crop.shape[0] != crop.shape[1]:
            raise ReenactError(f"a crop must be square, not {crop.shape[1]} x {crop.shape[0]}: cut it first")
        wanted = self.head_size if head_size is None else head_size
        place = Placement(crop.shape[1] / 2, crop.shape[0] / 2, crop.shape[0])
        small = crop if wanted == self.size or crop.shape[0] == self.size else cut(crop, place, self.size)
        portrait, side = self._encode(small), head_side(wanted, place.side, self.size)
        return portrait if side == self.size else replace(portrait, large=cut(crop, place, side))

    def let_go_of_encoders(self) -> None:
        """Where no other portrait is to come: 60 MB that only `encode_source` and `encode_crop` use are free again. They still
        work, and load anew what they need."""
        self._source.let_go()
        if self._backdrop is not None:
            self._backdrop.let_go()
        if "_drawers" in self.__dict__:  # else others are being loaded, and memory goes back when they are
            give_back()

    def let_go(self) -> None:
        """Where no other frame is to come: the memory of all networks is free again. What is used nevertheless is loaded anew."""
        self._source.let_go()
        self._finder = None
        for name in ("_drawers", "_render", "_backdrop", "_motion", "landmarker"):
            self.__dict__.pop(name, None)
        give_back()

    def stop_loading(self) -> None:
        """What is still waiting to be loaded is not, until it is used; what is being loaded is waited for by nobody."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _roomy(self, image: Image, usual: Placement, face: Face) -> Placement:
        """The square to encode, with all of the head where the photo has it (faces/framing.py)."""
        if self._backdrop is None:
            return usual
        tensor = self._tensor(cut(image, looked_at(usual), self.size, calm=True))
        return roomy(usual, face, image, self._backdrop.person(tensor))

    def _cut(self, image: Image, placement: Placement, face: Face, sides: Iterable[int]) -> list[Image]:
        """The square at each of these sides, completed where the photo's edges cut off the head (faces/crown.py): above, then
        beside."""
        crops = [cut(image, placement, n, calm=True) for n in dict.fromkeys(sides)]
        if self._backdrop is None or not is_cut_off(placement, image):
            return crops
        beside = any(cut_off_beside(placement, image))
        for close, wanted in ((crowned, cut_off_above(placement)), (closed_beside, beside)):
            if wanted:
                person = self._backdrop.person(self._tensor(crops[0]))
                crops = [closed_cut(close, crop, image, placement, face.landmarks[:, :2], person) for crop in crops]
        return crops

    def encode_motion(self, frame: Image) -> Motion:
        """A size x size crop -> its motion. Raises ReenactError for another size, and what is no picture."""
        with fitting(self.folder):
            return _motion(self._read(self._tensor(frame)))

    def render(self, portrait: Portrait, motion: Motion) -> Image:
        """The portrait's person, moved: size x size, or as large as the portrait. The portrait is bound once; a frame brings only
        its motion. Raises ReenactError for a portrait of another method or renderer, and a motion of another or of no finite
        numbers."""
        check_portrait(portrait, self.name, self.renderer)
        return self._drawers.draw(portrait, motion)

    def render_all(self, portrait: Portrait, motions: Iterable[Motion | None]) -> Iterator[Image]:
        """The same for one motion after the other, as many at once as the method was loaded with lanes. None: the picture before
        it again. A motion is asked for before the picture of the one before it is given. Raises ReenactError as `render`."""
        check_portrait(portrait, self.name, self.renderer)
        return self._drawers.in_order(portrait, motions)

    def _encode(self, crop: Image, read: Image | None = None, framing: Framing = AS_USUAL) -> Portrait:
        with self._encoding, fitting(self.folder):
            return self._encoded(crop, crop if read is None else read, framing)

    def _encoded(self, crop: Image, read: Image, framing: Framing) -> Portrait:
        """read: the usual square of the face, of which the motion is known; crop: the one to render, which lies to it so."""
        made = self._alone(crop, read, framing, {})
        if self._backdrop is not None:
            found = self._backdrop.find(made.tensors["image"], _placed(framing.seen(made.motion)))
            made = replace(made, tensors={**made.tensors, **{name: found[name] for name in self._found}})
        if self._mirror is None:
            return made
        behind = {name: np.ascontiguousarray(made.tensors[name][..., ::-1]) for name in self._found}
        crop, read = (np.ascontiguousarray(picture[:, ::-1]) for picture in (crop, read))
        return replace(made, mirrored=self._alone(crop, read, replace(framing, right=-framing.right), behind))

    def _alone(self, crop: Image, read: Image, framing: Framing, behind: Mapping[str, np.ndarray]) -> Portrait:
        """behind: what is known of the backdrop."""
        tensor, person = self._tensor(crop), self._read(self._tensor(read))
        drawn = {name: np.array(value) for name, value in self._source.run({"image": seen(tensor, self.renderer)}).items()}
        tensors = {**person, **drawn, **behind, "image": tensor}
        return Portrait(self.name, tensors, _motion(person), crop, framing=framing, renderer=self.renderer)

    def _read(self, tensor: np.ndarray) -> dict[str, np.ndarray]:
        """All outputs of the motion encoder for one picture [1, 3, size, size], RGB in [0, 1]."""
        with self._reading:
            return {name: np.array(value, np.float32) for name, value in self._motion.run({"image": tensor}).items()}

    def _tensor(self, image: Image) -> np.ndarray:
        """[size, size, 3] uint8 -> [1, 3, size, size] float32 in [0, 1]."""
        check_picture(image)
        if image.shape != (self.size, self.size, 3):
            raise ReenactError(f"a crop must be {self.size} x {self.size} RGB, not {image.shape}: cut it first")
        return np.ascontiguousarray(image.transpose(2, 0, 1)[None], np.float32) / np.float32(255.0)


def _motion(out: Mapping[str, np.ndarray]) -> Motion:
    return Motion(**{name: np.array(out[name][0], np.float32) for name in CODED})


def _placed(motion: Motion) -> dict[str, np.ndarray]:
    """Where the head is, each with a batch axis."""
    return {name: getattr(motion, name)[None] for name in POSE}


def _config(folder: Path) -> dict[str, Any]:
    """config.json, every file that it needs being there. Raises ReenactError otherwise."""
    path = folder / "config.json"
    if not path.is_file():
        raise WeightsError(f"{folder} is not a weights folder (no config.json): install reenact again")
    config = read_config(folder)
    names = ["config.json", config["source"], "motion.onnx", *(file for file, _ in config["render"])]
    if strange := [name for name in names if Path(name).name != name and f"../{SHARED}/{Path(name).name}" != name]:
        raise WeightsError(f"{path} names {strange[0]}: a graph lies beside it or in ../{SHARED}")
    missing = [name for name in names if not (folder / name).is_file()]
    if missing:
        raise WeightsError(f"{folder} is not a weights folder (no {', '.join(missing)}): install reenact again")
    check_hashes(folder / name for name in names[1:])
    return config


def weights_folder() -> Path:
    """The folder that the shipped weights lie in, one folder a method."""
    return WEIGHTS


def fingerprint_of(folder: Path) -> str:
    """16 hex digits of the SHA-256 of a weights folder's motion graph."""
    return hashlib.sha256((folder / "motion.onnx").read_bytes()).hexdigest()[:16]


def known_methods() -> list[str]:
    """Names that `load` takes, sorted."""
    return sorted(path.parent.name for path in weights_folder().glob("*/config.json"))


def load(
    name: str | os.PathLike[str] = "mmfa",
    device: str = "auto",
    threads: int = 0,
    background: Background = "still",
    head_size: HeadSize | None = None,
    precision: Precision = "auto",
    lanes: int = 1,
    renderer: Renderer = "full",
) -> OnnxMethod:
    """The method `name`, ready to run; `name` may also be the path of a weights folder.

    device: auto and openvino (OpenVINO), cpu (OpenVINO, fp32), cuda (ONNX Runtime, fp32); threads: 0 is automatic; background:
    still (the portrait's own, unmoved) or moved (as the method renders it); head_size: side of the frames, 256 to 1024 px, or
    "photo", as large as the photo has the head (None: 256); precision: auto, int8, bf16 or fp32 (runtime/graph.py);
    lanes: how many frames `render_all` renders at once; renderer: full, fast or auto (runtime/renderer.py). Raises ReenactError
    for what is unknown.
    """
    return OnnxMethod(folder_of(name), device, threads, background, head_size, precision, lanes, renderer)


def folder_of(name: str | os.PathLike[str]) -> Path:
    """The weights folder of a method's name, or of a folder's path. Raises WeightsError for what is neither."""
    name = name if isinstance(name, str) else str(as_path(name, "weights folder"))
    if name in known_methods():
        return weights_folder() / name
    if (Path(name) / "config.json").is_file():
        return Path(name)
    raise WeightsError(f"unknown method {name!r}: choose one of {', '.join(known_methods()) or '(none is installed)'}")
