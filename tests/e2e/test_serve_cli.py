"""reenact serve: what ends in one line and exit code 2 before anything is served."""

from __future__ import annotations

import socket
import sys

import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")
from PIL import Image as PILImage

from clips import PORTRAIT, scenery
from reenact.cli import run


def line_of(capsys: pytest.CaptureFixture, *arguments: str) -> str:
    """The one line that the command ends with."""
    assert run(["serve", *arguments]) == 2
    said = capsys.readouterr().err.strip()
    assert "\n" not in said and said.startswith("error: ")
    return said


@pytest.mark.parametrize(
    "arguments, line",
    [
        (["--host", "0.0.0.0"], "--tls-cert"),
        (["--host", "0.0.0.0", "--no-token"], "--tls-cert"),
        (["--token", "a", "--no-token"], "leave one out"),
        (["--token", "a b"], "--token"),
        (["--tls-cert", "no.pem"], "go together"),
        (["--tls-cert", "no.pem", "--tls-key", "no.pem"], "no such file"),
        (["--port", "70000"], "--port"),
        (["--jobs", "-1"], "--jobs"),
        (["no.jpg"], "no such file"),
        (["--host", "not-a-name.invalid", "--insecure"], "choose another --host"),
        (["--host", "192.0.2.1", "--insecure", "--port", "0"], "choose another --host"),
        (["--host", ""], "write 0.0.0.0 for all"),
        (["--allow-host", "https://example.org/"], "--allow-host 'https://example.org/': write the name alone"),
    ],
)
def test_what_cannot_be_is_one_line(capsys, tmp_path, arguments, line):
    assert line in line_of(capsys, *arguments, "--folder", str(tmp_path))


def test_a_photo_without_a_face_is_named(capsys, tmp_path):
    PILImage.fromarray(scenery()).save(tmp_path / "wall.png")
    said = line_of(capsys, str(tmp_path / "wall.png"), "--folder", str(tmp_path / "kept"))
    assert "wall.png" in said and "no face found" in said


def test_a_port_that_is_taken_is_one_line(capsys, tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        said = line_of(capsys, "--port", str(taken.getsockname()[1]), "--folder", str(tmp_path))
    assert "another --port" in said


def test_a_folder_that_cannot_be_made_is_one_line(capsys, tmp_path):
    (tmp_path / "file").write_text("")
    assert "another --folder" in line_of(capsys, "--folder", str(tmp_path / "file" / "in"))


def test_certificates_that_are_none_are_one_line(capsys, tmp_path):
    for name in ("cert.pem", "key.pem"):
        (tmp_path / name).write_text("no certificate")
    keys = ("--tls-cert", str(tmp_path / "cert.pem"), "--tls-key", str(tmp_path / "key.pem"))
    assert "PEM" in line_of(capsys, *keys, "--folder", str(tmp_path / "kept"), "--port", "0")


def test_without_the_extra_it_says_what_to_install(capsys, monkeypatch):
    for name in [name for name in sys.modules if name.startswith(("reenact.serve", "starlette", "uvicorn"))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert "pip install 'reenact[serve]'" in line_of(capsys, str(PORTRAIT))
