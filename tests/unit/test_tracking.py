"""Trackers' packets: golden ones as their documents say, any bytes at all, and the newest over loopback."""

from __future__ import annotations

import json
import socket
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from motions import small_map
from packets import HEAD, live_link, udp
from reenact.core.errors import ReenactError
from reenact.faces.blendshapes import BLENDSHAPE_NAMES
from reenact.geometry.rotation import rotation_matrix
from reenact.motion.arkit import coefficient_motion, read_coefficients
from reenact.tracking import ifacialmocap, livelink, receiver, vts
from reenact.tracking.reading import Axes, Reading
from reenact.tracking.receiver import Receiver, Tracker
from reenact.tracking.vmc import Vmc

pytest.importorskip("pythonosc", reason="python-osc is not installed: pip install 'reenact[vmc]'")
from pythonosc.osc_bundle_builder import IMMEDIATELY, OscBundleBuilder  # noqa: E402
from pythonosc.osc_message_builder import OscMessageBuilder  # noqa: E402


def osc(address: str, *values: object) -> bytes:
    return _message(address, *values).dgram


def _message(address: str, *values: object):
    builder = OscMessageBuilder(address)
    for value in values:
        builder.add_arg(value)
    return builder.build()


def bundle(*messages: tuple) -> bytes:
    builder = OscBundleBuilder(IMMEDIATELY)
    for message in messages:
        builder.add_content(_message(*message))
    return builder.build().dgram


IFACIALMOCAP = (
    b"mouthSmile_R-12|eyeLookOut_L-0|jawOpen-40|jawLeft-3|tongueOut-5|browInnerUp-7"
    b"|=head#-21.488958,-6.038993,-6.6019735,-0.030653415,-0.10287084,-0.6584072"
    b"|rightEye#6.0297494,2.4403017,0.25649446|leftEye#6.034903,-1.6660284,-0.17520553|"
)
VTS = json.dumps(
    {
        "Timestamp": 63752000123, "Hotkey": -1, "FaceFound": True,
        "Rotation": {"x": 5.0, "y": -20.0, "z": 2.5}, "Position": {"x": 0.1, "y": 1.2, "z": -3.4},
        "BlendShapes": [{"k": "EyeBlinkRight", "v": 0.75}, {"k": "jawOpen", "v": 0.25}, {"k": "TongueOut", "v": 1.0}],
        "EyeLeft": {"x": 0, "y": 0, "z": 0}, "EyeRight": {"x": 0, "y": 0, "z": 0},
    }
).encode()  # fmt: skip
FRAME = bundle(("/VMC/Ext/Blend/Val", "JawOpen", 0.5), ("/VMC/Ext/Blend/Val", "eyeBlinkLeft", 1.0), ("/VMC/Ext/Blend/Apply",))


def shapes(reading: Reading | None) -> dict[str, float]:
    assert reading is not None
    return {BLENDSHAPE_NAMES[i]: round(float(reading.values[i]), 6) for i in np.flatnonzero(reading.values)}


def test_live_link_face():
    reading = livelink.parse(live_link({0: 1.0, 15: 0.5, 17: 0.25, 51: 1.0, 52: 0.3, 53: -0.2, 54: 0.1, 55: 9.0}))
    assert shapes(reading) == {"eyeBlinkLeft": 1.0, "jawLeft": 0.5, "jawOpen": 0.25}
    np.testing.assert_allclose(reading.angles, [0.3, -0.2, 0.1], atol=1e-6)
    assert reading.face and reading.time == pytest.approx(3_000_000.25 / 60)
    assert set(name.lower() for name in livelink.NAMES) == {*(name.lower() for name in BLENDSHAPE_NAMES[1:]), "tongueout"}


def test_live_link_face_of_version_5_and_without_a_face():
    old = live_link({17: 0.5}, b"\x05" + HEAD[1:], struct.pack(">iiiiI", 1, 2, 3, 30, 60))
    assert shapes(livelink.parse(old)) == {"jawOpen": 0.5} and livelink.parse(old).time == 3723.5
    gone = livelink.parse(live_link(None))
    assert gone is not None and not gone.face and not gone.values.any()


@pytest.mark.parametrize(
    "packet",
    [b"", b"\x06", HEAD, live_link({})[:-1], live_link({}) + b"x", b"\x07" + live_link({})[1:], b"\x06\x7f\xff\xff\xff" + HEAD],
)
def test_what_is_not_live_link_face(packet):
    assert livelink.parse(packet) is None


def test_values_that_are_noise_are_left_out():
    reading = livelink.parse(
        live_link({0: float("nan"), 7: float("inf"), 17: 40.0, 18: -0.05, 19: 1.9, 52: float("nan"), 53: 1e9})
    )
    assert shapes(reading) == {"mouthClose": pytest.approx(-0.05), "mouthFunnel": pytest.approx(1.9)}
    assert not reading.angles.any()


def test_ifacialmocap():
    reading = ifacialmocap.parse(IFACIALMOCAP)
    assert shapes(reading) == pytest.approx({"mouthSmileRight": 0.12, "jawOpen": 0.4, "jawLeft": 0.03, "browInnerUp": 0.07})
    np.testing.assert_allclose(np.degrees(reading.angles), [-6.038993, -21.488958, -6.6019735], rtol=1e-5)
    np.testing.assert_allclose(reading.place, [-0.030653415, -0.10287084, -0.6584072])
    assert shapes(ifacialmocap.parse(b"mouthSmile_L&-4|jawOpen&110|=head#1,2,3,0,0,0|")) == pytest.approx(
        {"mouthSmileLeft": -0.04, "jawOpen": 1.1}
    )
    assert shapes(ifacialmocap.parse(b"mouthSmileLeft&50|eyeBlinkRight&100|")) == {"mouthSmileLeft": 0.5, "eyeBlinkRight": 1.0}
    assert ifacialmocap.parse(b"hello|world-3|") is None and ifacialmocap.parse(b"\xff\xfe") is None


def test_vtube_studio():
    reading = vts.parse(VTS)
    assert shapes(reading) == {"eyeBlinkRight": 0.75, "jawOpen": 0.25}
    np.testing.assert_allclose(np.degrees(reading.angles), [-20, 5, 2.5], rtol=1e-5)
    assert reading.time == 63752000.123 and reading.place == pytest.approx([0.1, 1.2, -3.4])
    gone = vts.parse(VTS.replace(b'"FaceFound": true', b'"FaceFound": false'))
    assert gone is not None and not gone.face
    for wrong in (b"[]", b"{}", b"[" * 20_000, b'{"BlendShapes": [1, {"k": 3}]}', b'{"BlendShapes": {}}', b"nul"):
        assert vts.parse(wrong) is None
    asked = json.loads(vts.hello(50_000))
    assert asked["messageType"] == "iOSTrackingDataRequest" and asked["ports"] == [50_000] and 0.5 <= asked["time"] <= 10


def test_vmc_in_one_packet_and_in_several():
    wanted = {"jawOpen": 0.5, "eyeBlinkLeft": 1.0}
    assert shapes(Vmc().parse(FRAME)) == wanted
    many = Vmc()
    assert many.parse(osc("/VMC/Ext/Blend/Val", "JawOpen", 0.5)) is None
    assert many.parse(osc("/VMC/Ext/T", 12.5)) is None
    assert many.parse(osc("/VMC/Ext/Blend/Val", "EyeBlinkLeft", 1.0)) is None
    reading = many.parse(osc("/VMC/Ext/Blend/Apply"))
    assert shapes(reading) == wanted and reading.time == 12.5
    assert shapes(many.parse(osc("/VMC/Ext/Blend/Apply"))) == {}, "a frame without shapes is a face at rest"


def test_vmc_of_models_without_perfect_sync():
    assert shapes(Vmc().parse(bundle(("/VMC/Ext/Blend/Val", "A", 1.0), ("/VMC/Ext/Blend/Apply",)))) == {"jawOpen": 0.6}
    both = Vmc().parse(
        bundle(("/VMC/Ext/Blend/Val", "Blink_L", 0.5), ("/VMC/Ext/Blend/Val", "happy", 1.0), ("/VMC/Ext/Blend/Apply",))
    )
    assert shapes(both) == pytest.approx({"eyeBlinkLeft": 0.5, "mouthSmileLeft": 0.7, "mouthSmileRight": 0.7})


def test_vmc_turns_the_head_with_its_neck():
    """Unity's axes: a turn about y brings the nose to the model's right, the picture's left; about x, the nose goes down."""

    def about(axis: int, degrees: float) -> list[float]:
        half = np.radians(degrees) / 2
        return [*(float(np.sin(half)) if i == axis else 0.0 for i in range(3)), float(np.cos(half))]

    def turned(**bones: list[float]) -> np.ndarray:
        messages = [("/VMC/Ext/Bone/Pos", name, 0.0, 0.1, 0.0, *turn) for name, turn in bones.items()]
        reading = Vmc().parse(bundle(*messages, ("/VMC/Ext/Blend/Apply",)))
        return np.degrees(reading.angles)

    np.testing.assert_allclose(turned(Head=about(1, 20)), [-20, 0, 0], atol=1e-4)
    np.testing.assert_allclose(turned(Head=about(0, 10), Neck=about(0, 5)), [0, -15, 0], atol=1e-4)
    np.testing.assert_allclose(turned(Head=about(2, 10)), [0, 0, 10], atol=1e-4)
    np.testing.assert_allclose(turned(Head=[0.0, 0.0, 0.0, 0.0]), 0, atol=1e-6)
    assert rotation_matrix(np.radians([20.0, 0, 0]))[0, 2] > 0, "a yaw of more than 0 brings the nose to the picture's right"


PARSERS = {"livelink": livelink.parse, "ifacialmocap": ifacialmocap.parse, "vts": vts.parse, "vmc": Vmc().parse}
GOLDEN = {"livelink": live_link({17: 0.5}), "ifacialmocap": IFACIALMOCAP, "vts": VTS, "vmc": FRAME}


def check_reading(reading: Reading | None) -> None:
    if reading is not None:
        assert reading.values.shape == (52,) and reading.values.dtype == np.float32
        assert reading.values[0] == 0 and reading.values.min() >= -0.1001 and reading.values.max() <= 2.0001
        assert reading.angles.shape == (3,) and np.isfinite(reading.angles).all()
        assert reading.place is None or np.isfinite(reading.place).all()
        assert reading.time is None or np.isfinite(reading.time)


@pytest.mark.parametrize("kind", PARSERS)
@given(packet=st.binary(max_size=400))
def test_any_bytes_are_a_reading_or_none(kind, packet):
    check_reading(PARSERS[kind](packet))


@pytest.mark.parametrize("kind", PARSERS)
@settings(max_examples=200)
@given(data=st.data())
def test_damaged_packets_are_a_reading_or_none(kind, data):
    packet = bytearray(GOLDEN[kind])
    for _ in range(data.draw(st.integers(1, 6))):
        packet[data.draw(st.integers(0, len(packet) - 1))] = data.draw(st.integers(0, 255))
    check_reading(PARSERS[kind](bytes(packet[: data.draw(st.integers(0, len(packet)))])))


@pytest.mark.parametrize("kind", PARSERS)
@pytest.mark.parametrize("filler", [b"\0", b"[", b"|", b"&", b"#", b"/", b"\xff", b'{"k":'])
def test_the_largest_packets_take_no_time(kind, filler, caplog):
    began = time.thread_time()
    check_reading(PARSERS[kind]((filler * 65_507)[:65_507]))
    check_reading(PARSERS[kind]((GOLDEN[kind] + filler * 65_507)[:65_507]))
    assert time.thread_time() - began < 0.5 and not caplog.records


def packed(*contents: bytes) -> bytes:
    return b"#bundle\0" + bytes(8) + b"".join(len(part).to_bytes(4, "big") + part for part in contents)


def test_bundles_within_bundles_and_other_messages():
    value, apply = osc("/VMC/Ext/Blend/Val", "JawOpen", 0.5), osc("/VMC/Ext/Blend/Apply")
    blob = osc("/other", b"1234")
    reading = Vmc().parse(packed(packed(blob, packed(value)), packed(), apply))
    assert shapes(reading) == {"jawOpen": 0.5}
    deep = apply
    for _ in range(5):
        deep = packed(deep)
    assert Vmc().parse(deep) is None
    assert Vmc().parse(packed(value, apply)[:-4]) is None, "a bundle that is cut says nothing"


def test_the_same_recording_as_csv_and_as_packets_gives_the_same_motion(tmp_path):
    rows = [{17: 0.1 * i, 0: 0.05 * i, 52: 0.02 * i, 53: -0.01 * i, 54: 0.03} for i in range(1, 8)]
    names = [*livelink.NAMES, "HeadYaw", "HeadPitch", "HeadRoll"]
    lines = [f"Timecode,BlendShapeCount,{','.join(names)}"]
    for i, row in enumerate(rows):
        numbers = np.float32([row.get(k, 0.0) for k in range(55)])
        lines.append(f"10:00:00:{i:02d}.000,61,{','.join(repr(float(number)) for number in numbers)}")
    (tmp_path / "take.csv").write_text("\n".join(lines))
    map_ = small_map()
    take = read_coefficients(tmp_path / "take.csv", map_)
    for i, row in enumerate(rows):
        reading = livelink.parse(live_link(row))
        np.testing.assert_array_equal(coefficient_motion(reading.values, reading.angles, map_).vector(), take.vectors[i])


def test_axes_are_turned_into_ours():
    reading = livelink.parse(live_link({52: 0.1, 53: 0.2, 54: 0.3}))
    np.testing.assert_allclose(Axes.parse("-pitch, yaw,roll").ours(reading).angles, [-0.2, 0.1, 0.3], rtol=1e-6)
    assert Axes.parse("yaw,pitch,roll") == Axes()
    for wrong in ("", "yaw,pitch", "yaw,yaw,roll", "--yaw,pitch,roll", "x,y,z"):
        with pytest.raises(ReenactError, match="`axes`"):
            Axes.parse(wrong)


class Heard:
    def __init__(self) -> None:
        self.readings: list[Reading] = []
        self._came = threading.Condition()

    def __call__(self, reading: Reading) -> None:
        with self._came:
            self.readings.append(reading)
            self._came.notify_all()

    def until(self, good) -> None:
        with self._came:
            assert self._came.wait_for(lambda: any(map(good, self.readings)), 10), "nothing came"


def test_a_second_of_packets_over_loopback_newest_only():
    heard, slow = Heard(), threading.Event()

    def got(reading: Reading) -> None:
        heard(reading)
        slow.wait(0.05)  # a consumer slower than the phone

    with (
        Receiver(Tracker("livelink", 0), got, "127.0.0.1") as receiving,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone,
    ):
        assert "nothing comes" in receiving.trouble()
        for i in range(60):
            phone.sendto(live_link({17: i / 60}), ("127.0.0.1", receiving.port))
            time.sleep(0.005)
        phone.sendto(live_link({17: 1.0}), ("127.0.0.1", receiving.port))
        heard.until(lambda reading: shapes(reading).get("jawOpen") == 1.0)
        opened = [shapes(reading).get("jawOpen", 0.0) for reading in heard.readings]
        assert opened == sorted(opened) and len(opened) < 61 == receiving.parsed and receiving.trouble() is None


@contextmanager
def mistaken_once() -> Iterator[Receiver]:
    """A receiver that has heard a packet of another mode, then one of its own."""
    heard = Heard()
    with (
        Receiver(Tracker("livelink", 0), heard, "127.0.0.1") as receiving,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone,
    ):
        phone.sendto(b"MetaHuman mode", ("127.0.0.1", receiving.port))
        phone.sendto(live_link({17: 0.5}), ("127.0.0.1", receiving.port))
        heard.until(lambda reading: True)
        yield receiving


def test_the_receiver_stays_with_its_sender_and_counts_what_it_cannot_read(monkeypatch):
    with mistaken_once() as receiving:
        assert receiving.ignored == 1 and receiving.seen.startswith("4d 65 74 61")
        assert receiving._take(live_link({17: 1.0}), "192.0.2.1") is None and receiving.ignored == 2
        monkeypatch.setattr(receiving, "_heard", time.monotonic() - 60)
        assert "packets are none of livelink" in receiving.trouble()
        assert receiving._take(live_link({17: 1.0}), "192.0.2.1") is not None, "the first has been silent"


def test_what_was_ignored_long_ago_is_no_reason_that_nothing_comes_now(monkeypatch):
    with mistaken_once() as receiving:
        monkeypatch.setattr(receiver.time, "monotonic", lambda now=time.monotonic: now() + 60)
        assert "nothing comes" in receiving.trouble(), "the phone has gone; its mode was right"


def test_more_packets_than_can_be_parsed_in_time_do_not_hold_the_estimates_back(monkeypatch):
    heard, over = Heard(), threading.Event()

    def flood(port: int) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as phone:
            while not over.is_set():
                phone.sendto(live_link({17: 0.5}), ("127.0.0.1", port))

    def slow(packet: bytes) -> Reading | None:
        time.sleep(0.001)  # as a packet of VMC takes on a slow computer
        return livelink.parse(packet)

    with Receiver(Tracker("livelink", 0), heard, "127.0.0.1") as receiving:
        receiving._parse = slow
        sending = threading.Thread(target=flood, args=(receiving.port,))
        sending.start()
        try:
            time.sleep(2)
            assert len(heard.readings) > 10
        finally:
            over.set()
            sending.join()


def test_a_phone_is_asked_until_it_answers():
    heard = Heard()
    with udp() as phone:
        phone.bind(("127.0.0.1", 0))
        phone.settimeout(10)
        with Receiver(Tracker("vts", 0, ("127.0.0.1", phone.getsockname()[1])), heard, "127.0.0.1") as receiving:
            asked = json.loads(phone.recv(65_535))
            assert asked["ports"] == [receiving.port]
            phone.sendto(VTS, ("127.0.0.1", receiving.port))
            heard.until(lambda reading: shapes(reading)["jawOpen"] == 0.25)


def test_trackers_by_name():
    assert Tracker.of("livelink") == Tracker("livelink", 11111) and Tracker.of("vmc", "40000").port == 40_000
    assert Tracker.of("vts", "192.168.1.7") == Tracker("vts", 0, ("192.168.1.7", 21412))
    assert Tracker.of("ifacialmocap", "phone.local:5000") == Tracker("ifacialmocap", 49983, ("phone.local", 5000))
    assert Tracker.of("facemotion3d", "10.0.0.2").phone == ("10.0.0.2", 49993)
    with pytest.raises(ReenactError, match="IPv4"):
        Tracker.of("ifacialmocap", "[fe80::1]")
    for kind, where in (("kinect", ""), ("vts", ""), ("livelink", "eleven"), ("vmc", "70000"), ("ifacialmocap", "phone:0")):
        with pytest.raises(ReenactError):
            Tracker.of(kind, where)


def test_a_port_in_use_is_one_line():
    with udp() as holder:
        holder.bind(("127.0.0.1", 0))
        with pytest.raises(ReenactError, match="cannot be had"):
            Receiver(Tracker("livelink", holder.getsockname()[1]), print, "127.0.0.1")
