"""Every file of figures in results/: the command that measures it again, or why it is kept as it is. The only list of them.

Minutes are about what one quiet core takes: of `reenact evaluate` from the scored frames per second that its files hold, of the
others as they were seen. What is kept is cited, but nothing that ships has changed it since.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter

from reenact.core.provenance import common_digest
from reenact.methods import METHODS
from reenact.runtime.onnx_method import weights_folder
from reenact.runtime.renderer import Renderer, measured_as

PLACES = {
    "data": "a folder with clips/val, portraits/val and synth_pairs (docs/evaluation.md)",
    "pool": "a pool of prepared clips (docs/data.md)",
}
"""what a command may ask for, each an option of scripts/measure"""
CURRENT, OTHER, FREE, KEPT_STATE = "current", "of other weights", "not of weights", "kept"


@dataclass(frozen=True)
class Measurement:
    """One results file that can be made again."""

    name: str
    """results/NAME.json"""
    command: str
    """as it is typed in a clone; {data}, {pool}, {weights} (the folder of those that ship) and {out} are filled in"""
    minutes: int
    methods: tuple[str, ...] = ()
    """whose weights the figures depend on"""
    quiet: bool = False
    """it times something: only with nothing beside it"""

    def words(self, places: Mapping[str, str], out: str) -> list[str]:
        """The command, filled in."""
        filled = {"weights": "src/reenact/weights", "out": out, **places}
        return [word.format(**filled) for word in shlex.split(self.command)]

    def needs(self) -> list[str]:
        """Which of PLACES the command asks for."""
        named = {field for _, field, _, _ in Formatter().parse(self.command) if field}
        return [place for place in PLACES if place in named]


@dataclass(frozen=True)
class Kept:
    """One results file that is not made again."""

    name: str
    reason: str


EVERY = ",".join(METHODS)
ALL = f"still,mesh_warp,{EVERY}"
EXACT = "--networks exact --workers 1"


def _evaluate(name: str, options: str, minutes: int, methods: tuple[str, ...] = METHODS, quiet: bool = False) -> Measurement:
    return Measurement(name, f"reenact evaluate {options} -o {{out}}", minutes, methods, quiet)


def _codec(name: str, method: str) -> Measurement:
    rest = f"--weights {{weights}}/{method} --kbps 0.5 1 2 3 --every 30 --out {{out}}"
    return Measurement(name, f"python -m reenact.evaluate.codec {{data}}/clips/val {rest}", 4, (method,))


def _experiment(name: str, module: str, rest: str, minutes: int, methods: tuple[str, ...]) -> Measurement:
    return Measurement(name, f"python -m experiments.{module} {rest} --json {{out}}", minutes, methods)


def _of(module: str, method: str, place: str, minutes: int, rest: str = "", name: str = "") -> Measurement:
    """Of one method's weights and one place."""
    told = f"{{weights}}/{method} {{{place}}}{' ' if rest else ''}{rest}"
    return _experiment(name or f"{method}_{module}", module, told, minutes, (method,))


SYNTH_KEPT = "'m2[0-3]_*,*_i05[6-9]*,*_i06[0-3]*'"
CODECS = ("codec", "codec_facevid2vid", "codec_peers", "codec_prior", "codec_sfd")

MEASUREMENTS = (
    _evaluate(
        "self_val",
        f"--data {{data}}/clips/val --protocol self --method truth,{ALL} --every 30 --fid-every 15 {EXACT}",
        25,
    ),
    _evaluate(
        "fast_val",
        f"--data {{data}}/clips/val --protocol self --method mmfa,mmfa:fast --every 30 {EXACT}",
        10,
        ("mmfa", "mmfa:fast"),
    ),
    _evaluate(
        "fid_val",
        f"--data {{data}}/clips/val --protocol self --method still,mmfa,facevid2vid --every 300 --fid-every 1 {EXACT}",
        120,
        ("mmfa", "facevid2vid"),
    ),
    _evaluate(
        "cross_val",
        f"--data {{data}} --protocol cross --every 100 --method {ALL} {EXACT}",
        11,
    ),
    _evaluate(
        "synth_val",
        f"--data {{data}}/synth_pairs --protocol synth --only {SYNTH_KEPT} --every 16 --method {ALL} {EXACT}",
        8,
    ),
    _evaluate(
        "large_pose_val",
        f"--data {{data}}/clips/val --protocol large-pose --every 20 --method truth,{ALL} {EXACT}",
        4,
    ),
    _evaluate(
        "path_val", "--data {data}/clips/val --protocol path --method mmfa --every 30 --networks exact --workers 2", 16, ("mmfa",)
    ),
    _evaluate(
        "control_val",
        f"--data {{data}}/portraits/val --protocol control --only '*0*' --donors {{data}}/clips/val --method {EVERY} --workers 1",
        10,
    ),
    Measurement(
        "prior_claim",
        "python -m experiments.claim {data} --ours {weights}/prior --baseline {weights}/facevid2vid --kbps 1 3 --every 15"
        " --out {out}",
        10,
        ("prior", "facevid2vid"),
    ),
    _codec("codec", "mmfa"),
    _codec("codec_facevid2vid", "facevid2vid"),
    _codec("codec_prior", "prior"),
    _codec("codec_sfd", "sfd"),
    Measurement(
        "codec_peers",
        "python -m experiments.peers {data}/clips/val --every 30 --codec x264 x265 svt-av1 --out {out}",
        30,
    ),
    _experiment(
        "codec_curve",
        "codec_curve",
        " ".join(f"results/{name}.json" for name in CODECS) + " --svg docs/codec-curve.svg",
        1,
        METHODS,
    ),
    _of("control", "mmfa", "pool", 3, "--people 6"),
    _of("control", "prior", "pool", 3, "--people 6"),
    _experiment("slider_reading", "slider_reading", "results/prior_control.json --people 8", 6, ()),
    _of("coefficients", "mmfa", "pool", 5),
    _of("coefficients", "prior", "pool", 5),
    _of("interpolation", "mmfa", "pool", 1, "--people 3"),
    _of("gaze", "mmfa", "data", 15, name="gaze"),
    _of("neutral", "mmfa", "data", 20, name="neutral"),
    _experiment("mirror", "mirror", "{pool} --method mmfa --every 6", 3, ("mmfa",)),
    _experiment("framing", "framing", "--method mmfa --people 20", 2, ("mmfa",)),
    _experiment("detail", "detail", "--method mmfa --people 10 --side 512", 1, ("mmfa",)),
    _experiment("sfd_descriptors", "descriptor_figures", "{pool} --method sfd --method mmfa --every 6", 10, ("sfd", "mmfa")),
    _experiment("sfd_ablation", "sfd_ablation", "{pool} {weights}/mmfa --steps 1500 --every 3", 15, ("mmfa",)),
    Measurement(
        "sfd_directions",
        "reenact directions {weights}/sfd --portrait examples/portrait.jpg --json {out} --out docs/sfd-directions.webp",
        3,
        ("sfd",),
    ),
    Measurement("provenance", "python -m reenact.evaluate.watermark {out}", 10, ("mmfa",)),
    Measurement("pool_report", "reenact data report {pool} --json {out}", 1),
    Measurement("robustness", "scripts/fuzz --seed 0 --files 210 --seconds 3300 --json {out}", 55),
    _evaluate(
        "evaluation_speed",
        "--data {data}/clips/val --protocol self --method mmfa --every 1 --only 'v00[12]*' --lpips alex,vgg"
        " --identity sface,arcface --workers 2",
        3,
        ("mmfa",),
        quiet=True,
    ),
    Measurement("bench", "reenact bench --json {out}", 2, ("mmfa",), quiet=True),
    Measurement("bench_fast", "reenact bench --renderer fast --json {out}", 2, ("mmfa:fast",), quiet=True),
    Measurement("live_loop", "python tools/live_measure.py --seconds 8 --out {out}", 1, ("mmfa",), quiet=True),
    Measurement("serve", "python tools/serve_measure.py --seconds 12 --out {out}", 2, ("mmfa",), quiet=True),
)
"""in the order in which they run: what one file is made of comes before it"""

KEPT = (
    Kept("drawing_training", "the curve of a training run"),
    Kept("sfd_training", "the curve of a training run"),
    Kept("mmfa_free_training", "the curve of a training run"),
    Kept("mouth", "of windows that a training run has rendered (experiments/mouth.py has the command)"),
    Kept("untaught", "of three runs whose weights do not ship (experiments/untaught.py has the command)"),
    Kept("mmfa_free_terms", "compares three runs whose weights do not ship (the commands stand in it)"),
    Kept("mmfa_free", "compares two runs whose weights do not ship (experiments/freed.py)"),
    Kept("mmfa_ablation", "compares eight trained forms (experiments/mmfa_ablation.py has the commands, hours of training)"),
    Kept("person", "written by the training of the backdrop network (docs/weights.md)"),
    Kept("false_faces", "its pictures without people were gathered by hand (src/reenact/calibrate/false_faces.py)"),
    Kept("int8", "two evaluations, --device cpu and auto, and the graphs' times put together by hand; the commands stand in it"),
    Kept("history/bench_2026-11-28", "of a quicker machine"),
    Kept("history/live_loop_2026-11-27", "of a quicker machine"),
    Kept("history/serve_2026-11-27", "of a quicker machine"),
    Kept("history/bench_2026-11-26", "of weights that no longer ship"),
    Kept("history/first_weights_self_val", "of weights that no longer ship"),
    Kept("history/mmfa_drawing_7200_self_val", "of weights that no longer ship"),
)

REWRITTEN = {
    "841e2b76d1dec12c7e40f003943e286204c1cbc7045181e8776683bf45ec2bb2": (
        "4e53abc42a34ca95c7ef170efa9a6219303a2b8c77c4737a8c41ccfb983ce5ff"
    ),
}
"""SHA-256 of weights -> that of the same ones in a smaller file, which computes the same bits, so that what was measured holds.
sfd, 2026-11-29: its basis is stored once, not beside its transpose (docs/log.md)"""


@cache
def shipped() -> Mapping[str, str]:
    """Method, with its fast renderer too -> SHA-256 of the weights that ship, as the files have them."""
    kinds: tuple[Renderer, ...] = ("full", "fast")
    return dict(measured_as(name, weights_folder() / name, kind) for name in METHODS for kind in kinds)


def state(one: Measurement, path: Path, digests: Mapping[str, str] | None = None) -> str:
    """Of its file: CURRENT, OTHER with what is known of them, FREE, or "missing". digests: method -> SHA-256 of today's weights,
    by default `shipped`."""
    if not path.is_file():
        return "missing"
    if not one.methods:
        return FREE
    held = json.loads(path.read_text(encoding="utf-8"))
    found = held.get("weights_sha256")
    today = shipped() if digests is None else digests
    if not found:
        return f"{OTHER} (unknown)"
    common = held.get("common_sha256", common_digest())  # files of before 2026-11-29 do not say
    known = {name: REWRITTEN.get(digest, digest) for name, digest in found.items()}
    if common == common_digest() and all(known.get(name) == today[name] for name in one.methods):
        return CURRENT
    return f"{OTHER}, {held.get('date', 'undated')}"


def stale(said: str) -> bool:
    """Whether a file of this state is to be measured again."""
    return said == "missing" or said.startswith(OTHER)
