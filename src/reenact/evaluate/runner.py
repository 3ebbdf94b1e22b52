"""One item of a protocol: the source is encoded once, each driving frame drives every system, the figures are summed.

    clips --PyAV--> driving frame, truth --starters--> pictures --metrics, networks--> figures of the frame --> tallies

Streams: one frame is held at a time. Every n-th driving frame is scored; the two after it are only traced (landmarks), since
jitter wants three frames in a row.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import repeat

import numpy as np
from jaxtyping import Float32

from reenact.core.errors import ReenactError
from reenact.core.types import Image
from reenact.evaluate import expression, steadiness
from reenact.evaluate.baselines import Driver, Starter, Stepping
from reenact.evaluate.contact import WorstFrame, strip
from reenact.evaluate.dists import Dists
from reenact.evaluate.figures import measured
from reenact.evaluate.identity import IdentityNet
from reenact.evaluate.landmarks106 import Outline
from reenact.evaluate.motion_slopes import slope_sums
from reenact.evaluate.networks import Inception, Net, Perceptual, Precision
from reenact.evaluate.protocols import Item
from reenact.evaluate.readings import FaceReader, Reading
from reenact.evaluate.registry import TRUTH, Frame
from reenact.evaluate.shots import frames
from reenact.evaluate.tally import Tally
from reenact.faces.pose import fit_head

HEAVY_SPACING = 5
"""ours: Inception, LPIPS-VGG, DISTS and the emotion networks take frames at least so many apart; nearer ones say little new and
cost most of the time"""


@dataclass
class Outcome:
    """What an item gave, by system."""

    tallies: dict[str, Tally]
    series: dict[str, dict[str, list[float | None]]] = field(default_factory=dict)
    """system -> figure -> one value a scored frame, for curves"""
    features: dict[str, list[Float32[np.ndarray, "2048"]]] = field(default_factory=dict)
    """system -> Inception's; under "" those of the truth, or of the driver"""
    worst: WorstFrame | None = None
    """of the last system"""


class Scorer:
    """The networks of the figures, loaded once."""

    def __init__(
        self,
        nets: tuple[Net, ...] = ("alex",),
        identities: tuple[IdentityNet, ...] = ("sface",),
        threads: int = 0,
        *,
        full: bool = True,
        precision: Precision = "f32",
    ) -> None:
        """nets: of LPIPS; full: also FID's network, DISTS, the emotion networks and the second landmarker; threads: 0 is
        automatic; precision: of all but the landmarkers.

        Raises ReenactError when a network is not to be had.
        """
        self.reader = FaceReader(identities, full, threads, precision)
        self.lpips = {net: Perceptual(net, threads, precision) for net in nets}
        self.dists = Dists(threads) if full else None
        self.inception = Inception(threads, precision) if full else None


class ItemRun:
    """The state of one item while it runs."""

    def __init__(
        self, item: Item, starters: Mapping[str, Starter], scorer: Scorer, size: int, every: int, fid_every: int = 0
    ) -> None:
        """Measures the source and starts every system. Raises ReenactError for an unreadable source."""
        self._fid_every = fid_every
        self._item, self._scorer, self._size = item, scorer, size
        self._heavy_step = max(1, -(-HEAVY_SPACING // every)) if item.frames is None else 1
        self.source = item.source.read(size, scorer.reader.landmarker)
        self._source_reading = scorer.reader.read(self.source)
        self._source_picture = self.source.astype(np.float32) / 255.0
        self.drivers: dict[str, Driver] = {name: start(self.source, self._source_reading) for name, start in starters.items()}
        self.outcome = Outcome({name: Tally() for name in starters}, {name: {} for name in starters})
        self._traces: dict[str, deque] = {name: deque(maxlen=3) for name in ("", *starters)}
        self._blinks: dict[str, list[tuple[float, float, float, float]]] = {name: [] for name in starters}
        self._outlines: dict[str, list[tuple[Outline, Outline]]] = {name: [] for name in starters}
        self._scored = 0

    def prime(self, driving: Image) -> None:
        """The driver's first frame, which relative motion refers to; nothing is scored."""
        reading = self._scorer.reader.read(driving)
        for drive in self.drivers.values():
            drive(driving, reading)

    def score(self, index: int, driving: Image, truth: Image | None) -> None:
        """One frame: every figure of every system. truth: None where nobody knows it."""
        reader, heavy = self._scorer.reader, self._scored % self._heavy_step == 0
        driving_reading = reader.read(driving, heavy)
        wanted = driving_reading if truth is None or truth is driving else reader.read(truth, heavy)
        pictures = self._drawn(driving, driving_reading, truth)
        readings = {name: reader.read(image, heavy) for name, image in pictures.items()}
        figures = self._figures(pictures, readings, wanted, truth, heavy)
        for name, found in readings.items():
            self._count(name, found, wanted, figures[name])
        if self.reads_features(index) if self._fid_every else heavy:
            self._keep_features(pictures, driving if truth is None else truth)
        self._trace(index, {"": wanted, **readings})
        self._keep_series(figures)
        self._keep_worst(index, driving, truth, pictures, figures)
        self._scored += 1

    def skip(self) -> None:
        """One frame that is not scored."""
        for drive in self.drivers.values():
            if isinstance(drive, Stepping):
                drive.skip()

    def reads_features(self, index: int) -> bool:
        """Whether FID and KID take this frame, where they were given an interval of their own."""
        return self._fid_every > 0 and index % self._fid_every == 0

    def features(self, driving: Image, truth: Image | None) -> None:
        """One frame that counts for FID and KID alone."""
        face = self._scorer.reader.find(driving)
        reading = None if face is None else _landmarks_only(face)
        self._keep_features(self._drawn(driving, reading, truth), driving if truth is None else truth)

    def trace(self, index: int, driving: Image, truth: Image | None) -> None:
        """One frame after a scored one: landmarks only, found anew. Following them would be cheaper, and jitter: a still picture
        measured from two start boxes gives different landmarks."""
        find = self._scorer.reader.find
        face = find(driving)
        wanted = face if truth is None or truth is driving else find(truth)
        given = None if face is None else _landmarks_only(face)
        pictures = self._drawn(driving, given, truth)
        found = {name: find(image) for name, image in pictures.items()}
        if self.reads_features(index):
            self._keep_features(pictures, driving if truth is None else truth)
        self._trace(index, {"": wanted, **found})

    def finish(self) -> Outcome:
        """Figures of the whole clip are added. Raises ReenactError where no frame was scored."""
        if not self._scored:
            raise ReenactError(f"{self._item.driving}: no frame to score beside the source: give clips of two frames or more")
        for name, rows in self._blinks.items():
            blink, wanted_blink, mouth, wanted_mouth = (list(column) for column in zip(*rows, strict=True)) if rows else ([],) * 4
            self.outcome.tallies[name].add(
                {
                    "blink_correlation": expression.correlation(blink, wanted_blink),
                    "mouth_correlation": expression.correlation(mouth, wanted_mouth),
                }
            )
        for name, pairs in self._outlines.items():
            self.outcome.tallies[name].add(slope_sums(pairs))
        return self.outcome

    def _drawn(self, driving: Image, reading: Reading | None, truth: Image | None) -> dict[str, Image]:
        """What every system makes of a driving frame; the true video is the truth itself."""
        made = {name: drive(driving, reading) for name, drive in self.drivers.items()}
        if TRUTH in made and truth is not None:
            made[TRUTH] = truth
        return made

    def _figures(
        self,
        pictures: Mapping[str, Image],
        readings: Mapping[str, Reading | None],
        wanted: Reading | None,
        truth: Image | None,
        heavy: bool,
    ) -> dict[str, dict[str, float]]:
        """System -> every figure that this frame can have."""
        exact = None if truth is None else truth.astype(np.float32) / 255.0
        lpips = self._lpips(pictures, truth, heavy)
        dists = self._dists(pictures, truth) if heavy else {}
        out = {}
        for name, image in pictures.items():
            found = readings[name]
            frame = Frame(
                self._size,
                picture=image.astype(np.float32) / 255.0,
                truth=exact,
                source=self._source_picture,
                found=None if wanted is None else found,
                wanted=wanted,
                person=None if truth is None else wanted,
                portrait=self._source_reading,
                lpips=lpips[name],
                dists=dists.get(name),
                meshes=tuple(one.landmarks for one in (self._source_reading, found, wanted) if one is not None),
            )
            out[name] = measured(frame)
        return out

    def _lpips(self, pictures: Mapping[str, Image], truth: Image | None, heavy: bool) -> dict[str, dict[str, float]]:
        """System -> net -> distance, all systems in one batch: the truth is looked at once."""
        out: dict[str, dict[str, float]] = {name: {} for name in pictures}
        if truth is None:
            return out
        for net, network in self._scorer.lpips.items():
            if net != "vgg" or heavy:
                for name, value in zip(pictures, network.distances(list(pictures.values()), truth), strict=True):
                    out[name][net] = value
        return out

    def _dists(self, pictures: Mapping[str, Image], truth: Image | None) -> dict[str, float]:
        if truth is None or self._scorer.dists is None:
            return {}
        return dict(zip(pictures, self._scorer.dists.distances(list(pictures.values()), truth), strict=True))

    def _count(self, name: str, found: Reading | None, wanted: Reading | None, figures: Mapping[str, float]) -> None:
        tally = self.outcome.tallies[name]
        tally.frames += 1
        if wanted is not None:
            tally.target_faces += 1
            if found is not None:
                tally.found_faces += 1
                self._keep_blink(name, found, wanted)
        tally.add(figures)

    def _keep_blink(self, name: str, found: Reading, wanted: Reading) -> None:
        """What the clip's correlations and slopes are made of."""
        if found.outline is not None and wanted.outline is not None:
            self._outlines[name].append((found.outline, wanted.outline))
        self._blinks[name].append(
            (
                expression.blink(found.blendshapes),
                expression.blink(wanted.blendshapes),
                expression.mouth_opening(found.landmarks),
                expression.mouth_opening(wanted.landmarks),
            )
        )

    def _trace(self, index: int, faces: Mapping[str, object]) -> None:
        """Jitter of the three last frames, if they are neighbours and all show a face."""
        for name, face in faces.items():
            self._traces[name].append((index, None if face is None else face.landmarks))  # type: ignore[attr-defined]
        bends = {name: _bend(list(self._traces[name]), index) for name in faces}
        if bends[""] is None:
            return
        for name, tally in self.outcome.tallies.items():
            if bends[name] is not None:
                tally.add({"jitter": bends[name], "jitter_driver": bends[""]})

    def _keep_features(self, pictures: Mapping[str, Image], reference: Image) -> None:
        if self._scorer.inception is None:
            return
        rows = self._scorer.inception.features([reference, *pictures.values()])
        for name, row in zip(("", *pictures), rows, strict=True):
            self.outcome.features.setdefault(name, []).append(row)

    def _keep_series(self, figures: Mapping[str, Mapping[str, float]]) -> None:
        for name, values in figures.items():
            for key in ("lpips_alex", "aed_exp", "ard"):
                value = values.get(key)
                self.outcome.series[name].setdefault(key, []).append(None if value is None else round(float(value), 4))

    def _keep_worst(self, index, driving, truth, pictures, figures) -> None:
        """The last system's worst frame: by LPIPS, without truth by the identity that is lost and the expression."""
        name = list(pictures)[-1]
        values = figures[name]
        badness = values.get("lpips_alex")
        if badness is None:
            badness = 2.0 if "aed_exp" not in values else float(values["aed_exp"])
        worst = self.outcome.worst
        if worst is None or badness > worst.badness:
            shown = [self.source, driving, *([truth] if truth is not None and truth is not driving else []), *pictures.values()]
            self.outcome.worst = WorstFrame(float(badness), index, name, strip(shown))


def run_item(item: Item, starters: Mapping[str, Starter], scorer: Scorer, size: int, every: int, fid_every: int = 0) -> Outcome:
    """All frames of an item. fid_every: FID and KID take every n-th frame, scored or not; 0: the scored ones, some apart.

    Raises ReenactError for what cannot be read or has no frame to score.
    """
    if every < 1:
        raise ReenactError(f"`every` {every}: must be 1 or more")
    run = ItemRun(item, starters, scorer, size, every, fid_every)
    wanted = None if item.frames is None else set(item.frames[::every])
    if wanted is not None and item.truth is not None:
        run.prime(run.source)
    last: tuple[int, Image, Image | None] | None = None
    scored = False
    for index, (driving, truth) in enumerate(_frame_pairs(item, size)):
        last = (index, driving, truth)
        if wanted is not None:
            if index == 0 and item.truth is None and 0 not in wanted:
                run.prime(driving)
            if index in wanted:
                run.score(*last)
        elif index == 0 and not item.first:
            run.prime(driving)
        elif index % every == 0:
            run.score(*last)
            scored = True
        elif index % every in (1, 2) and scored:
            run.trace(*last)
        elif run.reads_features(index):
            run.features(driving, truth)
        else:
            run.skip()
    if wanted is None and not scored and last is not None and last[0] > 0:
        run.score(*last)  # a clip shorter than the interval is scored at its end
    return run.finish()


def _frame_pairs(item: Item, size: int) -> Iterator[tuple[Image, Image | None]]:
    """Driving frame and truth; ends with the shorter clip."""
    driving = frames(item.driving, size)
    if item.truth is None:
        yield from zip(driving, repeat(None))
    elif item.truth == item.driving:
        yield from ((image, image) for image in driving)
    else:
        yield from zip(driving, frames(item.truth, size), strict=False)


def _bend(trace: list, index: int) -> float | None:
    """Acceleration of the points over three neighbouring frames, px of a head 128 px high."""
    if [entry[0] for entry in trace] != [index - 2, index - 1, index] or any(entry[1] is None for entry in trace):
        return None
    first, middle, final = (entry[1] for entry in trace)
    return steadiness.acceleration(first, middle, final, 2 * float(fit_head(middle).scale))


def _landmarks_only(face) -> Reading:
    return Reading(face.landmarks, np.zeros(52, np.float32), fit_head(face.landmarks), {}, None)
