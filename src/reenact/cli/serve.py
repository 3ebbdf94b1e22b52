"""reenact serve"""

from __future__ import annotations

import contextlib
import shutil
import tempfile
import webbrowser
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer

from reenact.cli.shared import BackgroundName, Device, MethodName, PrecisionName, RendererName, Threads, app, one_line_errors, say
from reenact.core.errors import ReenactError

PREFIX = "reenact-serve-"
"""of folders in the system's temporary one"""
Name = Annotated[list[str] | None, typer.Option("--allow-host", help="another name that this server is reached by; repeatable")]


@app.command()
@one_line_errors
def serve(
    portrait: Annotated[Path | None, typer.Argument(help="photo that the page begins with")] = None,
    host: Annotated[str, typer.Option(help="address to listen on; another than this computer's own needs TLS")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="0 takes a free one")] = 8765,
    open_: Annotated[bool, typer.Option("--open", help="open the page in the browser")] = False,
    token: Annotated[str | None, typer.Option(help="what the address must carry; default: a new one each time")] = None,
    no_token: Annotated[bool, typer.Option("--no-token", help="whoever reaches the port may use it")] = False,
    tls_cert: Annotated[Path | None, typer.Option(help="certificate, PEM: browsers open a camera for https only")] = None,
    tls_key: Annotated[Path | None, typer.Option(help="its key, PEM")] = None,
    allow_host: Name = None,
    insecure: Annotated[bool, typer.Option("--insecure", help="let others in without TLS or token")] = False,
    sessions: Annotated[int, typer.Option(help="live pictures at once; each wants two cores and half a gigabyte")] = 1,
    max_image_mb: Annotated[float, typer.Option(help="largest photo, MB")] = 20.0,
    max_video_mb: Annotated[float, typer.Option(help="largest video of a job, MB")] = 200.0,
    max_minutes: Annotated[float, typer.Option(help="longest recording, and longest video of a job")] = 10.0,
    jobs: Annotated[int, typer.Option(help="jobs that may wait")] = 16,
    keep_hours: Annotated[float, typer.Option(help="until uploads and results are removed")] = 24.0,
    folder: Annotated[
        Path | None, typer.Option(help="where uploads and results lie; default: a new folder, removed at the end")
    ] = None,
    transport: Annotated[
        str,
        typer.Option(help="of camera and picture: auto (webrtc to other computers, where it is installed), websocket or webrtc"),
    ] = "auto",
    ice_server: Annotated[
        list[str] | None, typer.Option(help="stun:HOST:PORT or turn:USER:PASSWORD@HOST:PORT; repeatable, none by default")
    ] = None,
    smooth: Annotated[float, typer.Option(help="temporal filter against jitter at the start; 0 is off")] = 0.5,
    method: MethodName = "mmfa",
    device: Device = "auto",
    threads: Threads = 0,
    precision: PrecisionName = "auto",
    renderer: RendererName = "auto",
    background: BackgroundName = "still",
    size: Annotated[int, typer.Option(help="side of live pictures, 256 to 1024 px; 256 is the fastest")] = 512,
) -> None:
    """Serve a live page: camera, video or sliders move a portrait."""
    run, Settings = _served()  # noqa: N806  # a class
    if token is not None and no_token:
        raise ReenactError("--token and --no-token say two things: leave one out")

    with _folder(folder) as place:
        how = {"method": method, "device": device, "threads": threads, "background": background}
        engine = {**how, "precision": precision, "renderer": renderer, "size": size}
        secret = {"token": None} if no_token else {"token": token} if token is not None else {}
        run(
            Settings(
                place, host, port, tls_cert=tls_cert, tls_key=tls_key, allow_hosts=tuple(allow_host or ()), insecure=insecure,
                sessions=sessions, max_image_mb=max_image_mb, max_video_mb=max_video_mb, max_minutes=max_minutes, jobs=jobs,
                keep_hours=keep_hours, smooth=smooth, transport=transport, ice_servers=tuple(ice_server or ()),
                **secret, **engine,  # type: ignore[arg-type]
            ),
            portrait,
            lambda address: _announce(address, open_),
        )  # fmt: skip


def _announce(address: str, opened: bool) -> None:
    say(f"reenact is at {address}")
    if opened:
        webbrowser.open(address)


def _served() -> tuple[Any, Any]:
    """The server and its settings. Raises ReenactError where the extra is not installed."""
    try:
        from reenact.serve.run import serve as run
        from reenact.serve.settings import Settings
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("reenact"):
            raise
        raise ReenactError("reenact serve needs: pip install 'reenact[serve]'") from None
    return run, Settings


@contextlib.contextmanager
def _folder(chosen: Path | None) -> Iterator[Path]:
    """The folder, or a new one that is removed in the end."""
    if chosen is not None:
        yield chosen
        return
    from reenact.serve.place import sweep

    sweep(Path(tempfile.gettempdir()), PREFIX)
    made = Path(tempfile.mkdtemp(prefix=PREFIX))
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
