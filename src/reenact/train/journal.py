"""The training log: log.jsonl always, TensorBoard where it is installed, the grid and the page at every save."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from reenact.core.files import explained, replaced
from reenact.train.config import Validation
from reenact.train.grid import write_grid
from reenact.train.page import write_page

LOG = "log.jsonl"


class Journal:
    """Lines of a run, in order; those of images that a kill undid are dropped."""

    def __init__(self, folder: Path, seen: int, tell: Callable[[Mapping[str, Any]], None] | None = None) -> None:
        """seen: images at the checkpoint that the run goes on from. tell: called with every line too."""
        self.folder, self.tell = folder, tell
        kept = [line for line in read_log(folder) if line["images"] <= seen]
        with replaced(folder / LOG) as part:
            part.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        self.board = _board(folder)

    def write(self, line: dict[str, Any]) -> None:
        """line: `images`, and figures by name."""
        path = self.folder / LOG
        with explained(path), open(path, "a", encoding="utf-8") as log:
            log.write(json.dumps(line) + "\n")
        if self.tell is not None:
            self.tell(line)
        if self.board is not None:
            for name, value in line.items():
                if isinstance(value, int | float):
                    self.board.add_scalar(name, value, line["images"])
            self.board.flush()

    def show(self, images: int, validation: Validation) -> None:
        """grid_<images>.png, and index.html anew."""
        if validation.rows:
            write_grid(self.folder / f"grid_{images:09d}.png", validation.columns, validation.rows)
        write_page(self.folder, read_log(self.folder))


def read_log(folder: Path) -> list[dict[str, Any]]:
    """The whole lines of a run's log; one that a kill cut short, or a disk damaged, is left out."""
    lines = []
    path = folder / LOG
    for text in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else ():
        try:
            line = json.loads(text)
        except json.JSONDecodeError:
            continue
        if isinstance(line, dict) and isinstance(line.get("images"), int):
            lines.append(line)
    return lines


def _board(folder: Path) -> Any:
    try:
        from torch.utils.tensorboard import SummaryWriter
    except ImportError:
        return None
    return SummaryWriter(str(folder / "tensorboard"))
