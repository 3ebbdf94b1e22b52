"""python -m reenact.evaluate --clips DIR --every 10 --weights DIR --out results/x.json"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from reenact.core.errors import ReenactError
from reenact.evaluate.command import Options, evaluate


def main() -> int:
    """0, or 2 after a user's error."""
    parser = argparse.ArgumentParser(prog="python -m reenact.evaluate", description="Self-reenactment figures beside two floors.")
    parser.add_argument("--clips", type=Path, required=True, help="folder of square head-crop clips")
    parser.add_argument("--out", type=Path, required=True, help="results file, JSON")
    parser.add_argument("--every", type=int, default=10, help="score every n-th frame (10)")
    parser.add_argument("--weights", type=Path, help="weights folder; without it the floors alone")
    parser.add_argument("--lpips", choices=("alex", "vgg"), nargs="+", default=["alex"], help="networks of LPIPS (alex)")
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda or openvino")
    parser.add_argument("--threads", type=int, default=0, help="0 is automatic")
    args = parser.parse_args()
    options = Options(args.clips, args.out, args.every, args.weights, tuple(args.lpips), args.device, args.threads)
    command = ["python -m reenact.evaluate", *_relative(sys.argv[1:])]
    try:
        text = evaluate(options, command, lambda line: sys.stderr.write(line + "\n"))
    except ReenactError as error:
        sys.stderr.write(f"reenact: {error}\n")
        return 2
    sys.stdout.write(text + "\n")
    return 0


def _relative(arguments: list[str]) -> list[str]:
    """The arguments as the results file keeps them: of a whole path the last two parts, since results are shared."""
    return ["/".join(Path(text).parts[-2:]) if Path(text).is_absolute() else text for text in arguments]


if __name__ == "__main__":
    raise SystemExit(main())
