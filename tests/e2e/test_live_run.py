"""`reenact live`: sources, sinks, takes, and what goes wrong in one line."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
import threading
import time
from concurrent.futures import Future
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from clips import PORTRAIT, face, moving_face, read_clip, scenery, write_clip
from fake_method import write_fake_method
from motions import small_map
from packets import live_link, udp
from places import SOURCE
from reenact.cli import run
from reenact.core.errors import ReenactError
from reenact.core.types import Motion
from reenact.live import camera, sinks, sources
from reenact.live.camera import Camera, device
from reenact.live.follower import Frame, Shown
from reenact.live.keys import Keys
from reenact.live.recording import Recording
from reenact.live.sinks import DeviceOutput, FileOutput, PipeOutput, ReaderGone, Sink, open_output
from reenact.live.sources import CameraSource, FileSource, SliderSource, TrackerSource, open_source
from reenact.live.stages import Times
from reenact.live.steer import Steer
from reenact.motion.takes import Take
from reenact.provenance.label import read_label
from reenact.runtime.onnx_method import load
from reenact.tracking.reading import Axes
from reenact.tracking.receiver import Tracker


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = write_fake_method(tmp_path_factory.mktemp("weights") / "fake")
    small_map(3, "fake", load(str(folder), "cpu").fingerprint).save(folder)
    return folder


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_clip(tmp_path_factory.mktemp("clips") / "driving.mp4", moving_face(25))


class Listener:
    """In place of a session: what a source offers."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.closed = threading.Event()
        self._came = threading.Condition()

    def offer(self, frame: Frame) -> None:
        with self._came:
            self.frames.append(frame)
            self._came.notify_all()

    def close(self) -> None:
        self.closed.set()

    def until(self, count: int) -> None:
        with self._came:
            assert self._came.wait_for(lambda: len(self.frames) >= count, 20), "nothing came"


def live(weights: Path, *arguments: object) -> int:
    return run(["live", str(PORTRAIT), "--method", str(weights), "--device", "cpu", *map(str, arguments)])


def test_a_file_into_a_film_and_a_take(weights, clip, tmp_path, capsys):
    film, take = tmp_path / "out.mp4", tmp_path / "take.npz"
    assert live(weights, "--from", clip, "--to", film, "--record", take, "--size", 128, "--fps", 10) == 0
    frames, rate, size = read_clip(film)
    assert rate == 10 and size == (128, 128) and frames >= 6
    kept = Take.load(take)
    assert kept.method == "fake" and 1 < len(kept) <= 25 and kept.faces.all() and kept.times[-1] < 1
    told = capsys.readouterr().err
    assert "dropped" in told and "draw" in told and "p95" in told and "no face" not in told
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out.mp4", "take.npz"]


def test_a_tracker_into_a_take(weights, tmp_path):
    """Coefficients arrive as they were sent, as a take that stands for itself."""
    with udp() as free:
        free.bind(("", 0))
        port = free.getsockname()[1]
    stop = threading.Event()

    def phone() -> None:
        with udp() as sender:
            while not stop.wait(0.02):
                sender.sendto(live_link({17: 0.5, 52: 0.1}), ("127.0.0.1", port))

    thread = threading.Thread(target=phone)
    thread.start()
    try:
        done = live(
            weights, "--from", f"livelink:{port}", "--record", tmp_path / "take.json", "--seconds", 1, "--axes", "-yaw,pitch,roll"
        )
    finally:
        stop.set()
        thread.join()
    assert done == 0
    take = Take.load(tmp_path / "take.json")
    np.testing.assert_allclose(take.vectors[0], [-0.1, 0, 0, 1, 0, 0, 0.5, 0, 0], atol=1e-6)
    np.testing.assert_allclose(take.reference.vector(), [0, 0, 0, 1, 0, 0, 0, 0, 0])


def test_sliders_on_standard_input_into_a_film(weights, tmp_path, monkeypatch, capsys):
    lines = iter(["jawOpen=0.4 yaw=10\n", "jawOpne=1\n", "reset\n"])

    def slowly():
        for line in lines:
            yield line
            time.sleep(0.6)

    monkeypatch.setattr("sys.stdin", slowly())
    assert live(weights, "--from", "sliders", "--to", tmp_path / "out.mp4") == 0
    assert read_clip(tmp_path / "out.mp4")[0] >= 10
    assert "unknown blendshape 'jawOpne'" in capsys.readouterr().err


BAD = {
    "nothing to do": (["--from", "CLIP"], "--to"),
    "no such file": (["--from", "nothing.mp4", "--to", "OUT"], "no such file"),
    "no such source": (["--from", "kinect", "--to", "OUT"], "--from 'kinect'"),
    "no such camera": (["--from", "camera:/dev/video97", "--to", "OUT"], "camera"),
    "no phone": (["--from", "vts", "--to", "OUT"], "phone's address"),
    "no such device": (["--from", "CLIP", "--to", "v4l2:/dev/video97"], "modprobe v4l2loopback"),
    "no video device": (["--from", "CLIP", "--to", "v4l2:CLIP"], "modprobe v4l2loopback"),
    "no such ending": (["--from", "CLIP", "--to", "out"], "--to 'out'"),
    "over its source": (["--from", "CLIP", "--to", "CLIP"], "also the source"),
    "no rate": (["--from", "CLIP", "--to", "OUT", "--fps", "0"], "--fps"),
    "odd size": (["--from", "CLIP", "--to", "OUT", "--size", "255"], "--size"),
    "no time": (["--from", "CLIP", "--to", "OUT", "--seconds", "0"], "--seconds"),
    "no take": (["--from", "CLIP", "--record", "take.txt"], ".npz or .json"),
    "no axes": (["--from", "CLIP", "--to", "OUT", "--axes", "x,y,z"], "--axes"),
    "no such face": (["--from", "CLIP", "--to", "OUT", "--face", "2"], "only one face"),
    "no strength": (["--from", "CLIP", "--to", "OUT", "--strength", "9"], "--strength"),
}


@pytest.mark.parametrize("name", BAD)
def test_what_goes_wrong_is_one_line_and_leaves_nothing(weights, clip, tmp_path, capsys, name):
    arguments, expected = BAD[name]
    given = [str(clip) if item == "CLIP" else item.replace("CLIP", str(clip)) for item in arguments]
    given = [str(tmp_path / "out.mp4") if item == "OUT" else item for item in given]
    assert live(weights, *given) == 2
    told = capsys.readouterr().err.strip().splitlines()
    assert expected in told[-1] and told[-1].startswith("error: ")
    assert list(tmp_path.iterdir()) == [] and clip.exists()


def test_a_reader_that_goes_is_an_end_with_its_summary(weights, clip, monkeypatch, capsys):
    """As in `--to - | head`."""
    read, write = os.pipe()
    with open(write, "wb") as stream:
        monkeypatch.setattr("sys.stdout", SimpleNamespace(buffer=stream, isatty=lambda: False, write=len, flush=lambda: None))
        os.close(read)
        assert live(weights, "--from", clip, "--to", "-") == 0
    told = capsys.readouterr().err
    assert told.count("whoever read the pictures has gone") == 1 and "dropped" in told and "error" not in told


def test_a_take_that_cannot_be_kept_leaves_the_film(weights, tmp_path, capsys):
    blank = write_clip(tmp_path / "blank.mp4", [scenery()] * 20)
    assert live(weights, "--from", blank, "--to", tmp_path / "out.mp4", "--record", tmp_path / "take.npz") == 2
    assert "no face was seen" in capsys.readouterr().err.splitlines()[-1]
    assert read_clip(tmp_path / "out.mp4")[0] >= 1


def test_a_driver_without_a_face_is_said_and_makes_no_take(weights, tmp_path, capsys):
    blank = write_clip(tmp_path / "blank.mp4", [scenery()] * 20)
    assert live(weights, "--from", blank, "--record", tmp_path / "take.npz") == 2
    told = capsys.readouterr().err
    assert "no face was seen" in told.splitlines()[-1] and not (tmp_path / "take.npz").exists()


@pytest.mark.parametrize("signal", [KeyboardInterrupt(), SystemExit(143)])
def test_ctrl_c_and_sigterm_finish_what_is_written(weights, clip, tmp_path, monkeypatch, capsys, signal):
    shown = []

    def show(self, image):
        shown.append(image)
        plain(self, image)
        if len(shown) == 4:
            raise signal

    plain = Sink.show
    monkeypatch.setattr(Sink, "show", show)
    try:
        assert live(weights, "--from", clip, "--to", tmp_path / "out.mp4") == 0
    except SystemExit as ended:
        assert ended is signal, "it goes on to whoever sent it"
    assert read_clip(tmp_path / "out.mp4")[0] >= 1 and "stopped" in capsys.readouterr().err


def test_ctrl_c_while_the_networks_load_leaves_nothing(weights, clip, tmp_path, monkeypatch, capsys):
    def stopped(self):
        raise KeyboardInterrupt

    monkeypatch.setattr("reenact.runtime.engine.Engine.load", stopped)
    assert live(weights, "--from", clip, "--to", tmp_path / "out.mp4", "--record", tmp_path / "take.npz") == 0
    assert capsys.readouterr().err.splitlines()[0] == "stopped" and list(tmp_path.iterdir()) == []


def test_a_file_is_offered_at_its_own_pace(tmp_path):
    clip = write_clip(tmp_path / "clip.mp4", moving_face(10))
    heard, began = Listener(), time.monotonic()
    source = FileSource(clip)
    source.start(heard)
    assert heard.closed.wait(20) and time.monotonic() - began >= 9 / 25
    assert [frame.captured for frame in heard.frames] == [Fraction(i, 25) for i in range(10)]
    source.close()
    assert source.trouble() is None


def test_a_camera_that_dies_is_tried_again(tmp_path, monkeypatch):
    clip = write_clip(tmp_path / "camera.mp4", moving_face(3))
    monkeypatch.setattr(camera, "device", lambda name, platform: ("mp4", str(clip)))
    monkeypatch.setattr(sources, "RETRY", 0.02)
    heard, source = Listener(), CameraSource("0")
    source.start(heard)
    heard.until(4)  # the clip has three pictures: the camera was opened again
    clip.rename(tmp_path / "unplugged")
    for _ in range(200):
        if source.trouble() is not None:
            break
        time.sleep(0.02)
    assert "plugged in" in source.trouble()
    (tmp_path / "unplugged").rename(clip)
    heard.until(len(heard.frames) + 6)
    assert source.trouble() is None
    source.close()
    assert heard.frames[0].image.shape == (256, 256, 3) and not heard.closed.is_set()


def test_cameras_by_system():
    assert device("2", "linux") == ("v4l2", "/dev/video2") and device("/dev/v4l/x", "linux")[1] == "/dev/v4l/x"
    assert device("0", "darwin") == ("avfoundation", "0:none")
    assert device("FaceCam", "win32") == ("dshow", "video=FaceCam")
    with pytest.raises(ReenactError, match="camera:NAME"):
        device("7", "win32")


def test_a_camera_in_use_and_a_forbidden_one_are_told(monkeypatch):
    for error, expected in ((OSError(16, "Device or resource busy"), "another program"), (PermissionError(13, "no"), "allow")):

        def refused(*_: object, error: OSError = error, **__: object) -> None:
            raise error

        monkeypatch.setattr(camera.av, "open", refused)
        with pytest.raises(ReenactError, match=expected):
            Camera("0", "linux")


def test_a_tracker_offers_readings_in_our_axes():
    heard = Listener()
    source = TrackerSource(Tracker("livelink", 0), Axes.parse("yaw,-pitch,roll"))
    source.start(heard)
    with udp() as phone:
        phone.sendto(live_link({53: 0.2}), ("127.0.0.1", source._receiver.port))
        heard.until(1)
    assert heard.frames[0].reading.angles == pytest.approx([0, -0.2, 0]) and heard.frames[0].image is None
    source.close()


def test_sliders_keep_what_is_not_named():
    slider = SliderSource([])
    slider.steer("jawOpen=0.4 yaw=90")
    steer = slider.steer("browInnerUp=1 x=0.1")
    assert steer.blendshapes == {"jawOpen": 0.4, "browInnerUp": 1.0}
    assert steer.yaw == pytest.approx(np.pi / 2) and steer.shift == (0.1, 0.0)
    for wrong in ("jawOpen", "jawOpen=x", "nose=1", "scale=0"):
        with pytest.raises(ReenactError):
            slider.steer(wrong)
    assert slider.steer("").blendshapes == {"jawOpen": 0.4, "browInnerUp": 1.0}
    assert slider.steer("reset").blendshapes == {} and slider.steer("").yaw == 0


class Steered:
    """A session that carries out what it is asked for, or has ended."""

    def __init__(self, ended: bool = False) -> None:
        self.ended, self.closed = ended, 0

    def steer(self, steer: object) -> Future[None]:
        future: Future[None] = Future()
        future.cancel() if self.ended else future.set_result(None)
        return future

    def close(self) -> None:
        self.closed += 1


def test_lines_that_are_no_text_end_the_session_and_are_said():
    slider, session = SliderSource(io.TextIOWrapper(io.BytesIO(b"yaw=1\n" * 5000 + b"\xff\xfe\n"), "utf-8")), Steered()
    slider._run(session)
    assert session.closed == 1 and "no text" in slider.trouble()


def test_lines_that_come_after_the_sessions_end_are_no_failure():
    slider, session = SliderSource(["yaw=1"]), Steered(ended=True)
    slider._run(session)
    assert session.closed == 0 and slider.trouble() is None


def test_a_device_gets_a_constant_rate_of_i420(tmp_path):
    """A plain file in place of the device, FFmpeg's raw format in place of v4l2: the same bytes."""
    path = tmp_path / "device"
    path.touch()
    with Sink(DeviceOutput(str(path), Fraction(50), "rawvideo"), Fraction(50), 64) as sink:
        sink.show(face(256))
        time.sleep(0.5)  # nothing new comes: the picture is held, so that no meeting freezes
    frame = 64 * 64 * 3 // 2
    data = path.read_bytes()
    assert len(data) % frame == 0 and 5 <= len(data) // frame <= 27
    assert data[:frame] == data[-frame:] and 40 < np.frombuffer(data[: 64 * 64], np.uint8).mean() < 220


def test_devices_that_are_none(tmp_path):
    (tmp_path / "file").touch()
    os.mkfifo(tmp_path / "pipe")
    for name in ("file", "pipe", "missing"):
        with pytest.raises(ReenactError, match="modprobe v4l2loopback"):
            DeviceOutput(str(tmp_path / name), Fraction(25))
    output = DeviceOutput("/dev/null", Fraction(25))  # a character device that is no video device
    with pytest.raises(ReenactError, match="no device that can be written to"):
        output.write(face(64))
    for text, hidden in (("N,N,N\n", True), ("Y,Y\n", False), ("1\n", False)):
        (tmp_path / "exclusive_caps").write_text(text)
        assert sinks.hidden_from_browsers(tmp_path) is hidden
    assert not sinks.hidden_from_browsers(tmp_path / "nowhere")


def test_a_pipe_gets_raw_rgb_until_its_reader_goes(tmp_path):
    read, write = os.pipe()
    with open(write, "wb") as stream, open(read, "rb") as reader:
        sink = Sink(PipeOutput(stream), Fraction(100), 64)
        with sink:  # whoever shows is told, once; leaving is no failure
            sink.show(face(64))
            assert reader.read(64 * 64 * 3) == face(64).tobytes()
            reader.close()
            with pytest.raises(ReaderGone):
                for _ in range(500):
                    sink.show(face(64))
                    time.sleep(0.01)

    class Terminal(io.BytesIO):
        def isatty(self) -> bool:
            return True

    with pytest.raises(ReenactError, match="pipe it into a program"):
        PipeOutput(Terminal())


def test_a_film_that_missed_slots_makes_up_for_them(tmp_path, monkeypatch):
    output = FileOutput(tmp_path / "out.mp4", Fraction(25))
    plain, calls = output.write, []

    def slow(image):
        calls.append(image)
        if len(calls) == 2:
            time.sleep(0.4)  # ten slots
        plain(image)

    monkeypatch.setattr(output, "write", slow)
    with Sink(output, Fraction(25)) as sink:
        sink.show(face(64))
        time.sleep(1.2)
    assert read_clip(tmp_path / "out.mp4")[0] >= 22


def test_a_recording_is_what_the_frames_said():
    def shown(number: int, captured: float, code: float | None) -> Shown:
        motion = Motion.from_vector(np.float32([0, 0, 0, 1, 0, 0, 0]))
        driving = None if code is None else Motion.from_vector(np.float32([0, 0, 0, 1, 0, 0, code]))
        return Shown(face(64), number, captured, Times(), motion, "seen", True, driving, driving)

    recording = Recording()
    for one in (shown(-1, -1, None), shown(0, 5.0, 0.5), shown(0, 5.0, 0.5), shown(1, 5.04, None), shown(2, 5.12, 0.75)):
        recording.add(one)
    recording.add(shown(3, 5.1, 9.0))  # a clock that went back
    take = recording.take("fake", "0123")
    assert take.times == (0, Fraction(1, 25), Fraction(3, 25)) and list(take.faces) == [True, False, True]
    np.testing.assert_array_equal(take.vectors[:, 6], np.float32([0.5, 0.5, 0.75]))
    assert take.reference.expression[0] == 0.75 and json.dumps(str(take.rate))
    with pytest.raises(ReenactError, match="no frame was rendered in that time"):
        Recording().take("fake", "")
    nobody = Recording()
    nobody.add(shown(0, 5.0, None))
    with pytest.raises(ReenactError, match="no face was seen"):
        nobody.take("fake", "")


def test_sources_by_name(clip):
    assert isinstance(open_source(str(clip)), FileSource)
    assert isinstance(open_source("sliders"), SliderSource)
    with pytest.raises(ReenactError, match="camera"):
        open_source("webcam")
    for nothing in ("", " "):
        with pytest.raises(ReenactError, match="camera\\[:NUMBER"):
            open_source(nothing)
    with pytest.raises(ReenactError, match="v4l2:/dev/videoN"):
        open_output("v4l2:", Fraction(25))


def test_keys_in_the_terminal(tmp_path):
    pty = pytest.importorskip("pty", reason="no terminals on this system")
    master, slave = pty.openpty()
    steered, ended, said = [], threading.Event(), []
    session = SimpleNamespace(steer=steered.append, close=ended.set)
    with open(slave, closefd=True) as terminal:
        before = termios_of(terminal)
        keys = Keys(session, PORTRAIT, tmp_path, said.append, terminal)
        keys.press("s")
        keys.show(face())
        for key in ("c", "s", "s", "x"):
            keys.press(key)
        assert steered == [Steer(calibrate=True)] and said[0] == "no picture yet"
        kept = sorted(tmp_path.glob("reenact-*.png"))
        assert len(kept) == 2 and read_label(kept[0]) is not None
        with keys:
            assert termios_of(terminal) == before, "not our terminal: left alone"
    os.close(master)


def termios_of(terminal):
    import termios

    return termios.tcgetattr(terminal.fileno())


KEYED = """
import sys, threading, time
from pathlib import Path
from types import SimpleNamespace
from reenact.live.keys import Keys
ended = threading.Event()
session = SimpleNamespace(steer=lambda steer: print("calibrate", steer.calibrate, flush=True), close=ended.set)
with Keys(session, Path("x"), Path("."), lambda text: print(text, flush=True)):
    print("end", ended.wait(20), flush=True)
"""


def test_keys_are_heard_one_by_one_and_q_ends():
    pty = pytest.importorskip("pty", reason="no terminals on this system")
    number, master = pty.fork()
    if number == 0:
        os.environ["PYTHONPATH"] = SOURCE
        os.execv(sys.executable, [sys.executable, "-c", KEYED])
    heard = b""
    while b"keys: c" not in heard:
        heard += os.read(master, 1000)
    os.write(master, b"cq")
    with contextlib.suppress(OSError):  # Linux: the other end is closed
        while piece := os.read(master, 1000):
            heard += piece
    assert os.waitpid(number, 0)[1] == 0 and b"calibrate" in heard and b"end True" in heard


def test_a_second_is_no_reference_live(weights, clip, capsys):
    assert live(weights, "--from", clip, "--to", "-", "--reference", "1.5") == 2
    assert "press c" in capsys.readouterr().err
