"""The page in a real Chromium when something goes wrong around it: another page, a restart, a refusal."""

from __future__ import annotations

import time

import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from PIL import Image as PILImage

from chromium import DRAWN, EXAMPLES, LINK, NEEDED, browser, open_tab, served, tab, write_camera
from fake_method import write_fake_method

pytestmark = NEEDED
REC = "!document.getElementById('recording').hidden"
SAID = "window.said = []; reenact.socket.say = (message) => { said.push(message); }; 0;"
STREAMS = """window.mics = []; const devices = navigator.mediaDevices, get = devices.getUserMedia.bind(devices);
    devices.getUserMedia = async (asked) => {
        const got = await get(asked);
        if (asked.audio) mics.push(...got.getTracks());
        return got;
    };
    window.clones = []; const clone = MediaStreamTrack.prototype.clone;
    MediaStreamTrack.prototype.clone = function () { const made = clone.call(this); clones.push(made); return made; };"""


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(write_camera(tmp_path_factory.mktemp("camera") / "driving.y4m", 30)) as chromium:
        yield chromium


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    return write_fake_method(tmp_path_factory.mktemp("weights") / "fake")


@pytest.fixture(scope="module")
def address(tmp_path_factory, weights):
    portrait = str(EXAMPLES / "portrait.jpg")
    with served(tmp_path_factory.mktemp("kept"), portrait, *how(weights)) as (address, _):
        yield address


def write_group(path):
    """The example's portrait beside itself, smaller."""
    with PILImage.open(EXAMPLES / "portrait.jpg") as photo:
        one = photo.convert("RGB")
    group = PILImage.new("RGB", (2 * one.width, one.height))
    group.paste(one)
    group.paste(one.resize((one.width * 4 // 5, one.height * 4 // 5)), (one.width, one.height // 10))
    group.save(path)
    return path


def how(weights) -> tuple[str, ...]:
    return "--method", str(weights), "--device", "cpu", "--threads", "1"


def test_a_takeover_lets_the_microphone_go_and_two_quick_presses_open_one(chromium, address):
    with tab(chromium, address, STREAMS) as there:
        there.until(DRAWN)
        there.page.check("#sound")
        there.page.evaluate("for (const _ of '12') document.getElementById('record').click(); 0")
        there.until(REC)
        there.until("Boolean(reenact.recording.sound.recorder)")
        assert there.page.evaluate("mics.length") == 1
        with tab(chromium, address) as other:
            other.until(f"{LINK} === 'busy'")
            other.page.click("#notice button")
            there.until(f"{LINK} === 'elsewhere'")
            assert not there.page.evaluate(REC) and there.page.inner_text("#record span") == "Record"
            there.until("mics.every((one) => one.readyState === 'ended')")


def test_a_recording_that_cannot_begin_lets_the_microphone_go(chromium, address):
    with tab(chromium, address, STREAMS) as there:
        there.until(DRAWN)
        there.page.check("#sound")
        refuse = "s.say = (m) => (m.type === 'record' ? s.on.text({ type: 'error', line: 'no room' }) : say(m))"
        there.page.evaluate(f"const s = reenact.socket, say = s.say.bind(s); {refuse}; 0")
        there.page.keyboard.press("r")
        there.until("mics.length === 1 && mics[0].readyState === 'ended'")
        assert "no room" in there.notice and not there.page.evaluate(REC)


def test_the_camera_is_off_after_a_hidden_tab_when_sliders_are_chosen(chromium, address):
    hide = "Object.defineProperty(document, 'hidden', { value: %s, configurable: true });"
    tell = "document.dispatchEvent(new Event('visibilitychange')); 0"
    with tab(chromium, address, STREAMS) as there:
        there.until(DRAWN)
        there.page.keyboard.press("1")
        there.until("Boolean(reenact.source.stream)")
        there.page.evaluate(hide % "true" + tell)
        assert there.page.evaluate("clones.map((one) => one.readyState)") == ["live"]
        there.page.evaluate(hide % "false" + tell)
        assert there.page.evaluate("clones.map((one) => one.readyState)") == ["ended"]
        there.page.evaluate(hide % "true" + tell)
        there.page.keyboard.press("3")
        assert there.page.evaluate("clones.map((one) => one.readyState)") == ["ended", "ended"]


def test_the_reason_of_a_failed_session_stays_and_the_page_tries_less_and_less(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        fail = "s.on.text({ type: 'error', line: 'why it failed' }); s.socket.close(); s.closed({ code: 1011, reason: '' });"
        for tries in (1, 2):
            there.page.evaluate(f"const s = reenact.socket; {fail} 0")
            there.until(f"{LINK} === 'open'")
            assert there.notice.startswith("why it failed")
            assert there.page.evaluate("reenact.socket.tries") == tries


@pytest.mark.slow
def test_after_a_restart_the_new_address_in_the_same_tab_brings_the_page_back(chromium, tmp_path, weights):
    options = (str(EXAMPLES / "portrait.jpg"), *how(weights))
    with served(tmp_path / "kept", *options) as (address, _):
        port = int(address.split(":")[2].partition("/")[0])
        context = chromium.new_context()
        there = open_tab(context, address)
        there.until(DRAWN)
        portrait = there.page.evaluate("reenact.portrait.sent.id")
    with served(tmp_path / "kept", *options, "--token", "another", port=port) as (address, _):
        there.until("!document.getElementById('notice').hidden", 60)
        assert "open the address that reenact serve printed" in there.notice
        count = there.page.evaluate("reenact.painter.count")
        there.page.goto(address)
        there.until(f"{LINK} === 'open' && document.getElementById('notice').hidden")
        assert "token" not in there.page.url
        there.until(f"reenact.portrait.sent.id !== '{portrait}' && reenact.painter.count > {count}")
        context.close()


def test_a_wrong_address_and_then_the_right_one(chromium, address):
    with tab(chromium, address.partition("#")[0] + "#token=wrong") as there:
        there.until("!document.getElementById('notice').hidden")
        there.page.goto(address)
        there.until(DRAWN)
        assert there.page.evaluate("document.getElementById('notice').hidden")


def test_a_phone_that_is_refused_is_not_said_to_be_heard_and_comes_back_only_if_it_was_connected(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.keyboard.press("4")
        there.page.select_option("#phone-app", "vts")
        there.page.click("#phone-connect")
        there.until("document.getElementById('phone-note').classList.contains('bad')")
        assert "the phone's address" in there.page.inner_text("#phone-note")
        assert there.page.inner_text("#phone-connect") == "Connect"
        time.sleep(1.2)  # the server's next states
        assert "heard" not in there.page.inner_text("#phone-note")
        there.page.evaluate(SAID + "reenact.socket.connect(); 0")
        there.until("said.some((one) => one.type === 'phone')")
        assert there.page.evaluate("said.some((one) => one.type === 'phone' && one.on)") is False
        assert there.page.evaluate("said.some((one) => 'mode' in one)") is False, "none was chosen: an older server refuses it"


def test_a_mode_that_was_chosen_is_taken_back_by_name(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.evaluate(SAID)
        there.page.select_option("#mode", "absolute")
        there.until("said.some((one) => one.mode === 'absolute')")
        assert not there.page.evaluate("said.some((one) => one.mode === '')")
        there.page.select_option("#mode", "")
        there.until("said.some((one) => one.type === 'steer' && one.mode === '')")


def test_another_face_of_the_command_lines_photo_is_chosen_and_a_failure_sets_it_back(chromium, tmp_path, weights):
    with (
        served(tmp_path / "kept", str(write_group(tmp_path / "group.png")), *how(weights)) as (address, _),
        tab(chromium, address) as there,
    ):
        there.until(DRAWN)
        first = there.page.evaluate("reenact.portrait.sent.box")
        there.page.select_option("#which-face", "2")
        there.until("reenact.portrait.sent.face === 2")
        assert there.page.evaluate("reenact.portrait.sent.box[0]") > first[2], "the one on the right"
        there.page.evaluate("reenact.portrait.sent.id = 'gone'; 0")
        there.page.select_option("#which-face", "1")
        there.until("document.getElementById('portrait-note').classList.contains('bad')")
        assert there.page.input_value("#which-face") == "2"


@pytest.mark.slow
def test_after_a_reload_the_page_has_its_recording_and_its_running_job_again(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.keyboard.press("r")
        there.until("reenact.recording.state === 'on'")
        there.page.reload()
        there.until("reenact.recording?.state === 'on'")
        time.sleep(0.5)
        there.page.keyboard.press("r")
        there.until("document.querySelectorAll('#films video').length === 1")
        there.page.set_input_files("#film-file", EXAMPLES / "driving.mp4")
        there.until("/frames|waiting/.test(document.getElementById('tasks').innerText)")
        there.page.reload()
        there.until("/^Recording of .*Show/s.test(document.getElementById('films').innerText)")
        assert there.page.evaluate("document.querySelectorAll('#films li').length") == 1
        there.page.click("#films button >> text=Show")
        there.until("document.querySelector('#films video')?.readyState >= 2")
        there.until("/^Video of /.test(document.getElementById('tasks').innerText)")
        there.page.click("#tasks button")
        there.page.reload()
        there.until("document.querySelectorAll('#films li').length === 1")
        assert there.page.inner_text("#tasks") == ""


def test_arrow_keys_choose_in_a_group_and_a_key_held_down_counts_once(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.focus("[data-drive=sliders]")
        there.page.keyboard.press("ArrowRight")
        assert there.page.evaluate("document.activeElement.dataset.drive") == "phone"
        assert there.page.get_attribute("[data-drive=phone]", "aria-checked") == "true"
        there.page.keyboard.press("ArrowLeft")
        there.page.focus("[data-preset=neutral]")
        there.page.keyboard.press("ArrowLeft")
        chosen = "[...document.querySelectorAll('#presets [role=radio]')].findIndex((one) => one.ariaChecked === 'true')"
        assert there.page.evaluate(chosen) == there.page.evaluate("document.querySelectorAll('#presets [role=radio]').length - 1")
        stops = "[...document.querySelectorAll('[role=radio]')].filter((one) => one.tabIndex === 0).length"
        assert there.page.evaluate(stops) == 2, "one a group"
        there.page.focus("#mirror")
        for _ in range(4):
            there.page.keyboard.down("m")
        there.page.keyboard.up("m")
        assert there.page.get_attribute("#mirror", "aria-pressed") == "true"


@pytest.mark.parametrize("width, height, most", [(740, 360, 300), (375, 667, 375), (861, 700, 510)])
def test_the_picture_fits_a_phone_held_either_way(chromium, address, width, height, most):
    with tab(chromium, address, viewport={"width": width, "height": height}) as there:
        there.until(DRAWN)
        sides = there.page.evaluate("(({ width, height }) => [width, height])(reenact.painter.canvas.getBoundingClientRect())")
        assert max(sides) <= most
        assert there.page.evaluate("document.documentElement.scrollWidth") == width


def test_a_whole_video_is_smoothed_as_the_slider_says(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        assert "smooth" not in there.page.evaluate("reenact.tasks.on.options()"), "untouched: the job's own"
        there.page.evaluate("const one = document.querySelector('[name=smooth]'); one.value = 0; one.oninput(); 0")
        assert there.page.evaluate("reenact.tasks.on.options().smooth") == 0


def test_a_relays_password_may_hold_an_at(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        held = there.page.evaluate("import('/static/rtc.mjs').then((rtc) => rtc.ice('turn:me:p@ss:w@example.org:3478'))")
        assert held == {"urls": "turn:example.org:3478", "username": "me", "credential": "p@ss:w"}
