"""The page in a real Chromium on a bad network and with what people choose by mistake or one after the other."""

from __future__ import annotations

import pytest

pytest.importorskip("starlette", reason="the extra serve is not installed")
pytest.importorskip("playwright", reason="playwright is not installed")

from chromium import DRAWN, EXAMPLES, LINK, NEEDED, browser, served, tab, write_camera
from clips import moving_face, write_clip
from fake_method import write_fake_method

pytestmark = NEEDED
TASKS = "document.getElementById('tasks').innerText"
FILMS = "document.querySelectorAll('#films video').length"


@pytest.fixture(scope="module")
def chromium(tmp_path_factory):
    with browser(write_camera(tmp_path_factory.mktemp("camera") / "driving.y4m", 30)) as chromium:
        yield chromium


@pytest.fixture(scope="module")
def address(tmp_path_factory):
    weights = write_fake_method(tmp_path_factory.mktemp("weights") / "fake")
    how = ("--method", str(weights), "--device", "cpu", "--threads", "1", "--max-video-mb", "1")
    with served(tmp_path_factory.mktemp("kept"), str(EXAMPLES / "portrait.jpg"), *how) as (address, _):
        yield address


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    return write_clip(tmp_path_factory.mktemp("clip") / "clip.mp4", moving_face(6))


def test_a_job_is_followed_over_a_broken_connection_and_one_that_is_gone_is_let_go(chromium, address, clip):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        broken = []

        def once(route) -> None:
            if broken:
                route.continue_()
            else:
                broken.append(route.request.url)
                route.abort()

        there.page.route("**/events", once)
        there.page.set_input_files("#film-file", clip)
        there.until(f"{FILMS} === 1", 60)
        assert broken and there.page.evaluate(TASKS) == ""
        there.page.evaluate("reenact.tasks.until('no-such-job', reenact.tasks.row('of another page')); 0")
        there.until(f"{TASKS} === ''")


def test_a_cancelled_upload_leaves_no_job(chromium, address, clip):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        before = len(there.page.evaluate("import('/static/api.mjs').then((api) => api.json('/api/jobs'))")["jobs"])
        hold = "const fetched = window.fetch; window.fetch = async (path, how) => { const answer = await fetched(path, how);"
        wait = "if (path === '/api/jobs' && how.method === 'POST') await new Promise((done) => { window.go = done; });"
        there.page.evaluate(f"{hold} {wait} return answer; }}; 0")
        there.page.set_input_files("#film-file", clip)
        there.until("Boolean(window.go)")
        there.page.click("#tasks button")
        there.page.evaluate("go(); 0")
        jobs = "import('/static/api.mjs').then((api) => api.json('/api/jobs')).then(({ jobs }) => jobs.length)"
        there.until(f"{jobs}.then((count) => count === {before})")
        assert there.page.evaluate(TASKS) == "" and there.page.evaluate(FILMS) == 0


def test_a_network_that_goes_without_a_word_is_noticed(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.evaluate("window.old = reenact.socket.socket; old.onmessage = null; reenact.socket.heard -= 20000; 0")
        there.until(f"reenact.socket.socket && reenact.socket.socket !== old && {LINK} === 'open'")


def test_what_was_chosen_before_does_not_end_what_is_chosen_now(chromium, address, clip):
    interrupted = "new DOMException('interrupted', 'AbortError')"
    slow = f"""const video = document.getElementById('driver'), play = video.play.bind(video);
        let first = true;
        video.play = () => {{
            if (!first) return play();
            first = false;
            return new Promise((_, no) => setTimeout(() => no({interrupted}), 1000));
        }}; 0"""
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.evaluate(slow)
        there.page.keyboard.press("2")
        there.page.set_input_files("#video-file", clip)
        there.page.keyboard.press("1")
        there.until("Boolean(reenact.source.stream)")
        there.page.wait_for_timeout(1500)
        assert there.page.evaluate("Boolean(reenact.source.stream)") and there.notice.strip() == ""
        there.until("reenact.source.sent > 2")


def test_files_that_the_server_would_refuse_are_not_sent(chromium, address, tmp_path):
    (tmp_path / "large.mp4").write_bytes(bytes(1_200_000))
    (tmp_path / "empty.mp4").write_bytes(b"")
    with tab(chromium, address) as there:
        there.until(DRAWN)
        for name, line in (("large", "2 MB, 1 may be"), ("empty", "the file is empty")):
            there.page.set_input_files("#film-file", tmp_path / f"{name}.mp4")
            there.until(f"{TASKS}.includes('{line}')")
        assert not [asked for asked in there.asked if "/api/files" in asked]
        drop = "reenact.portrait.offer(new Blob([new Uint8Array(9)], { type: 'video/mp4' }))"
        there.page.evaluate(f"{drop}; 0")
        there.until("!document.getElementById('notice').hidden")
        assert "a film, not a photo" in there.notice and not there.page.evaluate("document.getElementById('consent').open")


def test_names_of_files_leave_the_page_as_it_is(chromium, address, tmp_path):
    names = ["x" * 200 + ".mp4", "שלום עולם.mp4"]
    for name in names:
        (tmp_path / name).write_bytes(b"no film")
    with tab(chromium, address, viewport={"width": 360, "height": 740}) as there:
        there.until(DRAWN)
        there.page.keyboard.press("2")
        for name in names:
            there.page.set_input_files("#film-file", tmp_path / name)
            there.page.set_input_files("#video-file", tmp_path / name)
            there.until("!document.getElementById('notice').hidden")
            assert f"\u2068{name}\u2069" in there.page.evaluate("document.querySelector('#notice span').textContent")
            assert there.page.evaluate("document.documentElement.scrollWidth") <= 360
            there.page.click("#notice button")
        assert there.page.evaluate("[...document.querySelectorAll('#tasks strong')].every((one) => one.dir === 'auto')")


def test_a_browser_that_keeps_nothing_for_pages_has_its_session(chromium, address):
    denied = "get() { throw new DOMException('denied', 'SecurityError'); }"
    with tab(chromium, address, f"Object.defineProperty(window, 'sessionStorage', {{ {denied} }});") as there:
        there.until(DRAWN)
        assert not [line for line in there.said if "denied" in line]


def test_a_frame_is_sent_as_soon_as_it_is_wanted(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        there.page.keyboard.press("1")
        there.until("reenact.source.sent > 2")
        now = (
            "(() => { const s = reenact.source, sent = s.sent; s.fresh = performance.now(); s.want(); return s.sent - sent; })()"
        )
        assert there.page.evaluate(now) == 1, "encoding does not wait until the browser has nothing else to do"
        seen = "(({ width, height }) => [width, height])(document.getElementById('seen').getBoundingClientRect())"
        picture = there.page.evaluate("document.getElementById('picture').offsetWidth")
        assert all(40 < side < picture / 3 for side in there.page.evaluate(seen)), "what is sent is seen in the corner"
        there.page.keyboard.press("3")
        assert there.page.evaluate(seen) == [0, 0]


def test_a_connection_that_is_no_longer_wanted_is_not_asked_for(chromium, address):
    with tab(chromium, address) as there:
        there.until(DRAWN)
        track = "document.createElement('canvas').captureStream().getVideoTracks()[0]"
        open_and_close = f"const first = reenact.rtc.open({track}); reenact.rtc.close();"
        told = "first.then(() => 'quiet', (error) => String(error))"  # browsers never answer what a closed connection is asked
        gathered = "new Promise((end) => setTimeout(() => end('quiet'), 3500))"
        assert there.page.evaluate(f"(() => {{ {open_and_close} return Promise.race([{told}, {gathered}]); }})()") == "quiet"
        assert not [asked for asked in there.asked if "/api/rtc" in asked]


def test_the_picture_stays_in_sight_while_a_phones_sliders_are_moved(chromium, address):
    with tab(chromium, address, viewport={"width": 360, "height": 740}) as there:
        there.until(DRAWN)
        measure = "const { top, bottom } = document.querySelector(at).getBoundingClientRect(); return [top, bottom];"
        there.page.evaluate(f"window.box = (at) => {{ {measure} }}; 0")
        for at in ("#pose input[name=y]", "#film-choose"):
            there.page.evaluate(f"document.querySelector('{at}').scrollIntoView({{ block: 'end' }}); 0")
            top, bottom, control = there.page.evaluate(f"[...box('#picture'), box('{at}')[0]]")
            assert top >= 0 and bottom <= control <= 740


def test_a_view_without_its_token_says_so(chromium, address):
    with tab(chromium, address.replace("/#", "/view#").replace("=", "=old-")) as there:
        there.until("!document.getElementById('why').hidden")
        assert "token" in there.page.inner_text("#why")
