"""Type errors, room by room: python scripts/check_types.py [--lower] [paths]

A room (a folder of src/reenact) has no error that pyright (standard) finds, but for the rooms under [tool.types] in
pyproject.toml, which may have as many as it says there and never more; --lower writes today's figures where they are fewer.
With paths: their errors, and nothing else is looked at.
"""

import json
import re
import subprocess
import sys
import tomllib
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
PROJECT = ROOT / "pyproject.toml"
PACKAGE = ROOT / "src/reenact"


def errors(paths: list[str]) -> list[tuple[Path, int, str]]:
    """File, line and message of each."""
    command = [sys.executable, "-m", "pyright", "--pythonpath", sys.executable, "--outputjson", *paths]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    if done.returncode not in (0, 1):
        sys.exit(f"pyright failed: {done.stdout[-2000:]}{done.stderr}")
    found = json.loads(done.stdout)["generalDiagnostics"]
    return [
        (Path(entry["file"]), entry["range"]["start"]["line"] + 1, f"{entry['message'].splitlines()[0]} ({entry.get('rule')})")
        for entry in found
        if entry["severity"] == "error"
    ]


def room(path: Path) -> str:
    """The folder of the package that a file lies in, or the file's own name."""
    return path.relative_to(PACKAGE).parts[0]


def main(arguments: list[str]) -> int:
    paths = [argument for argument in arguments if not argument.startswith("--")]
    found = errors(paths)
    allowed: dict[str, int] = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["tool"]["types"]
    counts = Counter(room(path) for path, _, _ in found)
    broken = {name for name, count in counts.items() if paths or count > allowed.get(name, 0)}
    for path, line, message in found:
        if room(path) in broken:
            print(f"{path.relative_to(ROOT)}:{line}: {message}")
    if paths:
        return int(bool(found))
    for name in sorted(broken):
        print(f"{name}: {counts[name]} type errors, {allowed.get(name, 0)} allowed")
    fewer = {name: counts[name] for name, limit in allowed.items() if counts[name] < limit}
    if fewer and "--lower" in arguments:
        text = PROJECT.read_text(encoding="utf-8")
        for name, count in fewer.items():
            text = re.sub(rf"^{name} = {allowed[name]}\n", f"{name} = {count}\n" if count else "", text, flags=re.M)
        PROJECT.write_text(text, encoding="utf-8")
    elif fewer:
        print(f"fewer type errors than allowed in {', '.join(fewer)}: scripts/check_types.py --lower keeps it so")
    print(f"{sum(counts.values())} type errors; {len(counts)} rooms have any")
    return int(bool(broken))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
