"""The page in a real Chromium with a camera that plays the example's clip. Skipped where there is none: scripts/page-tests."""

from __future__ import annotations

import base64
import io
import json
import os
import statistics
import time
from pathlib import Path

import av
import numpy as np
import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")
from PIL import Image as PILImage

from chromium import DRAWN, EXAMPLES, NEEDED, browser, open_tab, served, tab, write_camera
from clips import read_clip, scenery
from fake_method import write_fake_method

pytestmark = NEEDED
ADDED_MAX_MS = 60.0
DRIFT_MAX_MS = 10.0
CAMERA_SEEN = "reenact.painter.samples.length > 20"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(write_camera(tmp_path_factory.mktemp("camera") / "driving.y4m")) as chromium:
        yield chromium


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    folder = tmp_path_factory.mktemp("served")
    weights = write_fake_method(folder / "fake")
    portrait = str(EXAMPLES / "portrait.jpg")
    with served(folder / "kept", portrait, "--method", str(weights), "--device", "cpu", "--threads", "1") as (address, _):
        yield address


def quiet(there) -> None:
    """Nothing in the console, nothing asked of anybody else."""
    assert there.said == []
    hosts = {url.split("/")[2] for url in there.asked if url.startswith(("http", "ws"))}
    assert hosts == {there.page.url.split("/")[2]}


def test_the_picture_follows_the_camera_and_is_recorded(chromium, address, tmp_path):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        assert "token" not in there.page.url, "the address has lost its token"
        before = there.picture()
        there.page.click("[data-drive=camera]")
        there.until(CAMERA_SEEN)
        assert np.abs(there.picture().astype(int) - before).mean() > 0.5, "the picture moves"
        assert there.until("Number(document.getElementById('rate').textContent)") > 0
        there.page.check("#sound")
        there.page.keyboard.press("c")
        there.page.keyboard.press("r")
        there.until("!document.getElementById('recording').hidden")
        time.sleep(1.5)
        there.page.keyboard.press("r")
        there.until("document.querySelector('#films video')?.readyState >= 2")
        assert there.page.evaluate("document.querySelector('#films video').videoWidth") == 512
        with there.page.expect_download() as download:
            there.page.click("#films button")
        download.value.save_as(tmp_path / "film.mp4")
        frames, rate, _ = read_clip(tmp_path / "film.mp4")
        assert rate == 25 and frames > 15
        with av.open(str(tmp_path / "film.mp4")) as film:
            assert len(film.streams.audio) == 1, "the microphone's sound is in it"
        quiet(there)


def test_a_photo_is_asked_about_and_taken_and_a_bad_one_leaves_the_old(chromium, address, tmp_path):
    PILImage.fromarray(scenery()).save(tmp_path / "wall.png")
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.set_input_files("#photo", EXAMPLES / "portrait.jpg")
        there.page.click("#consent button[value=nobody]")
        there.until("reenact.portrait.sent.consent === 'nobody'")
        own = there.page.evaluate("reenact.portrait.sent.id")
        there.page.set_input_files("#photo", tmp_path / "wall.png")
        there.page.click("#consent button[value=self]")
        there.until("document.getElementById('portrait-note').classList.contains('bad')")
        assert "no face found" in there.page.inner_text("#portrait-note") and "no face found" in there.notice
        assert there.page.evaluate("reenact.portrait.sent.id") == own
        there.page.set_input_files("#photo", EXAMPLES / "portrait.jpg")
        there.page.click("#consent button[value='']")
        assert there.page.evaluate("reenact.portrait.sent.id") == own, "nobody is sent without an answer"
        there.page.click("[data-do=shoot] >> visible=true")
        there.until("document.getElementById('shot-video').videoWidth > 0")
        there.page.click("#shot button[value=take]")
        there.page.click("#consent button[value=permission]")
        there.until("reenact.portrait.sent.consent === 'permission'")
        assert [line for line in there.said if "422" not in line] == []


def test_sliders_presets_and_keys_move_it_alone(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        assert there.page.evaluate("document.querySelectorAll('#groups input[type=range]').length") == 52
        steers = "window.steers = []; const say = reenact.socket.say.bind(reenact.socket);"
        there.page.evaluate(steers + "reenact.socket.say = (m) => { steers.push(m); say(m); }; 0")
        there.page.evaluate("const i = document.querySelector('[name=yaw]'); i.value = 20; i.oninput(); 0")
        there.until("steers.some((one) => one.yaw === 20)")
        there.page.keyboard.press("0")
        there.until("steers.at(-1).yaw === 0")
        there.page.click("[data-drive=sliders]")
        there.page.keyboard.press("m")
        there.until("document.getElementById('picture').classList.contains('mirrored')")
        there.page.keyboard.press("?")
        there.until("document.getElementById('keys').open")
        there.page.keyboard.press("Escape")
        quiet(there)


def test_a_video_file_drives_and_stays_in_the_page(chromium, address, tmp_path):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.click("[data-drive=video]")
        there.page.set_input_files("#video-file", EXAMPLES / "driving.mp4")
        there.until(CAMERA_SEEN)
        assert not [url for url in there.asked if "/api/files" in url]
        (tmp_path / "no.mp4").write_bytes(b"no video")
        there.page.set_input_files("#video-file", tmp_path / "no.mp4")
        there.until("!document.getElementById('notice').hidden")
        assert "cannot play it" in there.notice
        assert there.said == [] or all("no.mp4" not in line for line in there.said)


@pytest.mark.slow
def test_a_whole_video_becomes_a_film(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.set_input_files("#film-file", EXAMPLES / "driving.mp4")
        there.until("document.querySelector('#films video')?.readyState >= 2", 120)
        assert "driving.mp4" in there.page.inner_text("#films")
        quiet(there)


@pytest.mark.parametrize(
    "name, line",
    [
        ("NotAllowedError", "refused"),
        ("NotFoundError", "no camera"),
        ("NotReadableError", "in use"),
        ("Odd", "cannot be opened"),
    ],
)
def test_a_camera_that_does_not_open_is_one_line_and_the_rest_stays(chromium, address, name, line):
    script = f"navigator.mediaDevices.getUserMedia = () => Promise.reject(new DOMException('it says why', '{name}'));"
    with tab(chromium, address, script) as there:
        there.until(DRAWN)
        there.page.click("[data-drive=camera]")
        there.until("!document.getElementById('notice').hidden")
        assert line in there.notice
        assert there.page.get_attribute("[data-drive=sliders]", "aria-checked") == "true"
        quiet(there)


def test_a_camera_that_is_unplugged_is_one_line(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.click("[data-drive=camera]")
        there.until("reenact.source.sent > 2")
        there.page.evaluate("const t = reenact.source.stream.getVideoTracks()[0]; t.stop(); t.onended(); 0")
        assert "the camera is gone" in there.notice
        assert there.page.get_attribute("[data-drive=sliders]", "aria-checked") == "true"


def test_a_hidden_tab_goes_on_and_a_shown_one_too(chromium, address):
    hide = "Object.defineProperty(document, 'hidden', { value: %s, configurable: true });"
    tell = "document.dispatchEvent(new Event('visibilitychange')); 0"
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.click("[data-drive=camera]")
        there.until(CAMERA_SEEN)
        there.page.evaluate(hide % "true" + tell)
        there.until("Boolean(reenact.source.behind)")
        sent = there.page.evaluate("reenact.source.sent")
        there.until(f"reenact.source.sent > {sent} + 15")
        there.page.evaluate(hide % "false" + tell)
        there.until("!reenact.source.behind")
        sent = there.page.evaluate("reenact.source.sent")
        there.until(f"reenact.source.sent > {sent} + 15")
        quiet(there)


def test_without_a_secure_context_the_page_says_what_to_do(chromium, address):
    script = """Object.defineProperty(window, 'isSecureContext', { value: false });
        Object.defineProperty(Navigator.prototype, 'mediaDevices', { value: undefined });"""
    with tab(chromium, address, script) as there:
        there.until(DRAWN)
        there.page.click("[data-drive=camera]")
        assert "--tls-cert" in there.notice and "ssh -L" in there.notice
        quiet(there)


@pytest.mark.slow
def test_a_second_tab_may_take_over_and_the_first_may_take_it_back(chromium, address):
    with tab(chromium, address) as first:
        first.until(DRAWN)
        second = open_tab(first.page.context, address)
        second.until("document.getElementById('link').dataset.state === 'busy'")
        second.page.click("#notice button")
        second.until(DRAWN)
        first.until("document.getElementById('link').dataset.state === 'elsewhere'")
        assert "another tab" in first.notice
        first.page.click("#notice button")
        first.until("document.getElementById('link').dataset.state === 'open'")
        second.until("document.getElementById('link').dataset.state === 'elsewhere'")


def test_a_wrong_token_is_one_line(chromium, address):
    with tab(chromium, address.partition("#")[0] + "#token=wrong") as there:
        there.until("!document.getElementById('notice').hidden")
        assert "open the address that reenact serve printed" in there.notice


@pytest.mark.slow
def test_a_slow_computer_is_told_which_stage_it_is(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.click("[data-drive=camera]")
        there.until(CAMERA_SEEN)
        there.page.evaluate(
            "const was = reenact.socket.on.text; reenact.socket.on.text = (m) => was(m.type === 'state' ? { ...m, rate: 3,"
            " stages: { wait: 1, track: 2, read: 3, draw: 300 } } : m); 0"
        )
        there.until(
            "document.getElementById('rate').textContent !== '–' && document.getElementById('stages').title.includes('300')"
        )
        assert there.page.evaluate("document.getElementById('notice').hidden"), "one slow moment is not worth a word"
        there.page.evaluate("const now = performance.now.bind(performance); performance.now = () => now() + 6000; 0")
        there.until("!document.getElementById('notice').hidden", 15)
        assert "drawing (300 ms)" in there.notice and "--size 256" in there.notice
        assert there.page.evaluate("reenact.source.side") == 192


@pytest.mark.slow
def test_a_server_that_is_gone_and_comes_back_is_found_again(chromium, tmp_path):
    weights = write_fake_method(tmp_path / "fake")
    options = ("--method", str(weights), "--device", "cpu", "--threads", "1")
    with served(tmp_path / "kept", *options) as (address, _):
        port = int(address.split(":")[2].partition("/")[0])
        context = chromium.new_context()
        there = open_tab(context, address)
        there.until("document.getElementById('link').dataset.state === 'open'")
        there.page.set_input_files("#photo", EXAMPLES / "portrait.jpg")
        there.page.click("#consent button[value=nobody]")
        there.until(DRAWN)
    there.until("document.getElementById('link').dataset.state === 'waiting'")
    assert there.page.inner_text("h2 >> nth=0") == "Portrait", "never a white page"
    with served(tmp_path / "kept", *options, port=port):
        there.until("document.getElementById('link').dataset.state === 'open'", 40)
        there.until("reenact.socket.open && reenact.portrait.sent && !document.getElementById('record').disabled")
        there.page.click("[data-drive=camera]")
        there.until(CAMERA_SEEN)
        context.close()


def test_obs_sees_the_picture_and_nothing_else(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        with tab(chromium, address.replace("/#", "/view#"), viewport={"width": 512, "height": 512}) as view:
            view.until(DRAWN)
            assert np.abs(view.picture().astype(int) - there.picture()).mean() < 2
            assert view.page.inner_text("body") == ""
            quiet(view)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_fits_and_can_be_read(chromium, address, scheme):
    with tab(chromium, address, color_scheme=scheme) as there:
        there.until(DRAWN)
        for width in (360, 768, 1280):
            there.page.set_viewport_size({"width": width, "height": 780})
            there.until(f"innerWidth === {width}")
            assert there.page.evaluate("document.documentElement.scrollWidth") == width
            unnamed = (
                "[...document.querySelectorAll('button, input, select')].filter((e) => e.type !== 'file' && e.offsetParent &&"
            )
            assert there.page.evaluate(unnamed + " !(e.innerText || e.ariaLabel || e.labels?.length)).length") == 0
        colours = "(({ color, backgroundColor }) => [color, backgroundColor])(getComputedStyle(document.body))"
        ink, paper = there.page.evaluate(colours)
        assert contrast(ink, paper) > 7


def contrast(one: str, other: str) -> float:
    """WCAG 2's ratio of two rgb(...) texts."""

    def light(text: str) -> float:
        values = [int(value) / 255 for value in text[text.index("(") + 1 : -1].split(",")[:3]]
        r, g, b = (v / 12.92 if v <= 0.04045 else ((v + 0.055) / 1.055) ** 2.4 for v in values)
        return 0.2126 * r + 0.7152 * g + 0.0722 * b

    high, low = sorted((light(one), light(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


PAIRS = """(() => { const sent = new Map(); window.pairs = []; const s = reenact.source, p = reenact.painter;
  const post = s.post.bind(s), measure = p.measure.bind(p);
  s.post = (captured, jpeg) => { post(captured, jpeg); sent.set(captured, new Uint8Array(jpeg)); };
  p.measure = (captured, stages) => { measure(captured, stages); const jpeg = sent.get(captured); sent.delete(captured);
    if (jpeg && pairs.length < 120) pairs.push([btoa(String.fromCharCode(...jpeg)), p.canvas.toDataURL('image/jpeg')]); };
})()"""


@pytest.mark.slow
def test_real_weights_open_the_mouth_when_the_driver_does(chromium, tmp_path):
    from reenact.faces.landmarker import Landmarker

    with served(tmp_path, str(EXAMPLES / "portrait.jpg")) as (address, _), tab(chromium, address) as there:
        there.until(DRAWN, 60)
        there.page.evaluate(PAIRS)
        there.page.click("[data-drive=camera]")
        there.until("pairs.length >= 50", 240)
        pairs = there.page.evaluate("pairs")
        quiet(there)
    reader = Landmarker()
    gaps = [[gap(reader, decoded(one)) for one in pair] for pair in pairs]
    driver, drawn = np.array([pair for pair in gaps if None not in pair], float).T
    assert len(driver) > 35
    assert np.corrcoef(driver, drawn)[0, 1] > 0.5
    assert np.ptp(drawn) > 0.02


def decoded(text: str) -> np.ndarray:
    return np.asarray(PILImage.open(io.BytesIO(base64.b64decode(text.rpartition(",")[2]))).convert("RGB"))


def gap(reader, image: np.ndarray) -> float | None:
    """Between the lips (points 13 and 14 of the mesh), in heights of the face's box."""
    faces = reader.detect(image)
    if not faces:
        return None
    points = faces[0].landmarks
    return float(np.linalg.norm(points[13, :2] - points[14, :2]) / (faces[0].box[3] - faces[0].box[1]))


@pytest.mark.slow
def test_delay_beyond_the_stages_is_small_and_does_not_grow(chromium, address):
    if os.getloadavg()[0] > 1.5 * (os.cpu_count() or 1):
        pytest.skip("other work runs beside: delays would say nothing")
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.click("[data-drive=camera]")
        there.until(CAMERA_SEEN)
        there.page.evaluate("reenact.painter.samples.length = 0")
        time.sleep(12)
        samples = json.loads(there.page.evaluate("JSON.stringify(reenact.painter.samples)"))
    added = [one["delay"] - one["stages"] for one in samples]
    halves = [statistics.median(part) for part in (added[: len(added) // 2], added[len(added) // 2 :])]
    assert len(added) > 60
    assert statistics.median(added) < ADDED_MAX_MS
    assert halves[1] < halves[0] + DRIFT_MAX_MS


def test_the_camera_file_is_what_a_browser_reads(tmp_path: Path):
    data = write_camera(tmp_path / "c.y4m", frames=2).read_bytes()
    head = data.index(b"\n") + 1
    assert len(data) == head + 2 * (6 + 320 * 240 * 3 // 2)


@pytest.mark.slow
def test_the_camera_by_webrtc_and_back_to_the_socket(chromium, tmp_path):
    pytest.importorskip("aiortc", reason="the extra webrtc is not installed")
    weights = write_fake_method(tmp_path / "fake")
    options = ("--method", str(weights), "--device", "cpu", "--threads", "1", "--transport", "webrtc")
    with (
        served(tmp_path / "kept", str(EXAMPLES / "portrait.jpg"), *options) as (address, _),
        tab(chromium, address) as there,
    ):
        there.until(DRAWN)
        there.page.keyboard.press("1")
        there.until("reenact.rtc.running")
        count = there.page.evaluate("reenact.painter.count")
        there.until(f"reenact.painter.count > {count + 20}")
        first = there.picture().astype(int)
        moved = 0.0
        end = time.monotonic() + 20
        while moved < 1 and time.monotonic() < end:
            time.sleep(0.2)
            moved = max(moved, float(np.abs(there.picture() - first).mean()))
        assert moved >= 1, "the picture follows the camera"
        sent = there.page.evaluate("reenact.source.sent")
        there.until("reenact.rtc.delay > 0")
        assert there.page.evaluate("reenact.source.sent") <= sent + 1, "no frame goes by the socket too"
        there.page.keyboard.press("3")
        there.until("!reenact.rtc.running")
        count = there.page.evaluate("reenact.painter.count")
        there.page.keyboard.press("1")
        there.until("reenact.rtc.running")
        there.until(f"reenact.painter.count > {count + 5}")
        quiet(there)
