"""Nothing is told to anybody: OpenVINO's own telemetry is never loaded, no identifier is written, no address is asked for."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from pathlib import Path

from clips import PORTRAIT
from places import ROOT, SOURCE

WATCHED = """
import sys
asked = []
sys.addaudithook(lambda event, arguments: event.startswith("socket.") and event != "socket.gethostname" and asked.append(event))
from reenact.cli import run
code = run(sys.argv[1:])
import threading
print(code, asked, sorted(name for name, module in sys.modules.items() if "openvino_telemetry" in name and module),
      [thread.name for thread in threading.enumerate() if thread is not threading.main_thread()])
"""


def test_a_command_that_runs_networks_asks_nobody_and_leaves_nothing_at_home(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "CI"}  # telemetry is silent in CI by itself
    environment |= {"PYTHONPATH": SOURCE, "HOME": str(tmp_path), "USERPROFILE": str(tmp_path)}
    command = [sys.executable, "-c", WATCHED, "edit", str(PORTRAIT), "--yaw", "5", "-o", str(tmp_path / "out.png"), "--unsigned"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert done.stdout.splitlines()[-1] == "0 [] [] []", done.stdout + done.stderr
    assert {path.name for path in tmp_path.iterdir()} <= {"out.png", ".cache"}


def test_openvino_is_imported_in_one_place() -> None:
    found = set()
    for path in (ROOT / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import) and any(alias.name.split(".")[0] == "openvino" for alias in node.names):
                found.add(path.name)
    assert found == {"inference.py"}


def test_the_converter_is_imported_when_it_converts() -> None:
    code = (
        "import sys, torch; from reenact.core.inference import load_openvino; openvino = load_openvino()\n"
        "assert 'openvino.tools.ovc' not in sys.modules\n"
        "model = openvino.convert_model(torch.nn.ReLU(), example_input=torch.zeros(1, 3))\n"
        "print(len(model.inputs), sys.modules['openvino_telemetry'])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["1", "None"]
