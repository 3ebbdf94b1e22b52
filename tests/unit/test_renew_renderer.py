"""The order in which a new rendering network goes into all methods; every command is one that the module takes."""

import argparse
import importlib
import json
from pathlib import Path

import pytest

from tools import renew_renderer

SHIPPED = ["mmfa", "facevid2vid", "prior", "sfd"]


def test_every_method_that_shares_the_rendering_network_is_found(tmp_path: Path):
    for name, file in (("prior", "../shared/draw.onnx"), ("mmfa", "../shared/dense.onnx"), ("alone", "draw.onnx")):
        (tmp_path / name).mkdir()
        (tmp_path / name / "config.json").write_text(json.dumps({"render": [["field.onnx", "exact"], [file, "fast"]]}))
    assert renew_renderer.sharing(tmp_path) == ["mmfa", "prior"]
    assert renew_renderer.sharing(renew_renderer.WEIGHTS) == SHIPPED


@pytest.mark.parametrize("share", [None, 0.75])
def test_its_commands_are_what_the_modules_take(share: float | None, monkeypatch: pytest.MonkeyPatch):
    said = list(renew_renderer.commands("runs/new", "POOL", share, "generator", "BEFORE"))
    renderer = "runs/new" if share is None else "runs/new_share0.75"
    assert [command[0] for command in said] == [
        *(["reenact.train.blend"] if share else []),
        *["reenact.methods.export"] * len(SHIPPED),
        "reenact.calibrate.int8",
        "reenact.methods.checkpoint",
    ]
    assert all(renderer in command for command in said if command[0] != "reenact.calibrate.int8")
    arguments: list[str] = []
    taken: list[argparse.Namespace] = []

    def parsed(parser: argparse.ArgumentParser) -> argparse.Namespace:
        given, rest = parser.parse_known_args(arguments)
        assert not rest, f"{module} does not know {rest}"
        taken.append(given)
        raise SystemExit

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", parsed)
    for command in said:
        module, arguments[:] = command[0], command[1:]
        with pytest.raises(SystemExit):
            importlib.import_module(module).main()
    assert len(taken) == len(said)
