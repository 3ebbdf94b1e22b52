"""Our bitstream and ordinary video codecs beside each other: which share of their rate ours needs at equal LPIPS and AKD.

python -m experiments.codec_curve results/codec*.json --json results/codec_curve.json --svg docs/codec-curve.svg

Takes the files of `reenact.evaluate.codec` (one a method) and `experiments.peers`.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.core.provenance import dated
from reenact.evaluate.codec_curve import AIM_KBPS, AIM_LOSS, AIM_SHARE, compare, read_codec, two_charts
from reenact.evaluate.results import write_json


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="+")
    parser.add_argument("--json", type=Path, required=True)
    parser.add_argument("--svg", type=Path, required=True)
    given = parser.parse_args()
    reports = [report for path in given.results if (report := read_codec(path)) is not None]
    if not any("method" in report for report in reports) or not any("settings" in report for report in reports):
        raise ReenactError("give a file of reenact.evaluate.codec or more, and one of experiments.peers")
    found = compare(reports)
    command = f"python -m experiments.codec_curve {' '.join(path.name for path in given.results)}"
    aim = {"kbps": AIM_KBPS, "akd_loss_percent": AIM_LOSS, "share_of_x264": AIM_SHARE}
    weights = {name: digest for report in reports for name, digest in report.get("weights_sha256", {}).items()}
    write_json(given.json, {"command": command, **dated(weights), "aim": aim, "methods": found})
    given.svg.write_text(two_charts(reports), encoding="utf-8")
    sys.stdout.write(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
