"""What tests would make anew hundreds of times and what holds nothing of the test before: compiled networks, the commands."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import typer.main
import typer.testing

KEPT = 40
"""networks of a process; those of a method are five"""


class Kept:
    """The last `KEPT` that were made, by what tells them apart."""

    def __init__(self) -> None:
        self._held: OrderedDict[Any, Any] = OrderedDict()

    def get(self, key: Any, make: Callable[[], Any]) -> Any:
        found = self._held.pop(key, None)
        self._held[key] = make() if found is None else found
        while len(self._held) > KEPT:
            self._held.popitem(last=False)
        return self._held[key]


@contextmanager
def networks_compiled_once() -> Iterator[None]:
    """A graph that was compiled alike before, by its file's hash, is that one's `twin`, as lanes have it; the landmarker's
    networks give each landmarker requests of its own. A tenth of a second each, of which the smallest film wants five."""
    from reenact.core.download import sha256
    from reenact.faces import landmarker
    from reenact.runtime import graph
    from reenact.runtime.int8 import FILE

    kept, compiled, opened = Kept(), landmarker.compiled, graph.OpenVinoGraph

    def again(make: Callable[[], Any], options: dict[str, str], key: Sequence[str]) -> Any:
        return kept.get((str(options), *key), lambda: compiled(make, options, key))

    def twin(
        path: Path, precision: str, threads: int = 0, shapes: Any = None, int8: bool = False, streams: int = 1
    ) -> graph.OpenVinoGraph:
        ranges = path.parent / FILE
        said = sha256(ranges) if int8 and ranges.exists() else ""
        key = (sha256(path), precision, threads, str(shapes), said, streams)
        return kept.get(key, lambda: opened(path, precision, threads, shapes, int8, streams)).twin()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(landmarker, "compiled", again)
        patch.setattr(graph, "OpenVinoGraph", twin)
        yield


@contextmanager
def commands_built_once() -> Iterator[None]:
    """Typer builds all commands anew each time that the app is called, a sixth of a second."""
    built, plain = Kept(), typer.main.get_command

    def size(app: typer.Typer) -> int:
        inner = [group.typer_instance for group in app.registered_groups]
        return len(app.registered_commands) + sum(size(one) for one in inner if one is not None)

    def command(app: typer.Typer) -> Any:
        return built.get((app, size(app)), lambda: plain(app))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(typer.main, "get_command", command)
        patch.setattr(typer.testing, "_get_command", command)
        yield
