"""Motion over a network: `Sender` makes at most one packet a frame, `Receiver` takes them as they come, or do not come."""

from __future__ import annotations

from reenact.codec.frame import LARGEST_GAP
from reenact.codec.packet import NUMBERS, Coded, PacketWriter, Point, open_packet, quantised, read_head
from reenact.codec.profile import QUALITIES, Profile
from reenact.codec.rate import RateControl
from reenact.core.errors import ReenactError
from reenact.core.types import Motion
from reenact.faces import eyes

DEAD_ZONE = 0.15
"""ours: best of 0 to 0.3 at equal distortion, on five validation clips"""
STILL_INTERVALS = 8
"""ours: while nothing moves, the time between key packets doubles up to so many key intervals"""
SILENT = 170
"""ours: after so many frames without a packet the last motion is sent again as a key packet. Frame numbers count modulo 1024 and
are unwrapped to the nearest, so a gap of 512 would go backwards: of three such packets in a row two may be lost"""
KEPT = 64
"""references that either side remembers, and the most frames between them"""
PARKED = 32
"""ours: packets that wait for a late reference at most"""


class Sender:
    """Motion in, packets out. While nothing moves, or no face is seen, hardly anything is sent; key packets come at an interval
    or when asked for."""

    def __init__(
        self,
        profile: Profile,
        tag: int,
        *,
        quality: int = 14,
        key_interval: int = 25,
        spread: int = 1,
        dead_zone: float = DEAD_ZONE,
        control: RateControl | None = None,
    ) -> None:
        """quality: 0 (finest) to 31. key_interval: frames. spread: every spread-th packet is a reference, so a lost one of the
        others costs only itself. control: changes the quality at key packets, to meet a rate. tag: `Header.tag`."""
        if not 0 <= quality < QUALITIES:
            raise ReenactError(f"quality must lie between 0 (finest) and {QUALITIES - 1}, not {quality}")
        if key_interval < 1 or not 1 <= spread <= LARGEST_GAP:
            raise ReenactError(f"the key interval must be 1 or more, the spread 1 to {LARGEST_GAP}: change them")
        self._profile, self._tag, self._control = profile, tag, control
        self.quality = quality
        self._interval, self._spread, self._dead_zone = key_interval, spread, dead_zone
        self._points: dict[int, Point] = {}
        self._shown: Point | None = None
        self._frame = -1
        self._last_key = self._last_sent = 0
        self._given: Motion | None = None
        """the last motion"""
        self._wait = key_interval
        self._packets = 0
        self._asked = True
        self._skipped = False
        self._looked: eyes.Gaze | None = None

    @property
    def frame(self) -> int:
        """Number of the frame that was given last; -1 before the first."""
        return self._frame

    def request_key(self) -> None:
        """The next frame is sent as a key packet: someone joined, or lost too much."""
        self._asked = True

    def report_lost(self, number: int) -> None:
        """The receiver misses frame `number`: nothing sent since is a reference any more, so that no key packet is needed."""
        if number > self._last_key or not self._points:
            self._points = {at: point for at, point in self._points.items() if at < number}
            self._shown = self._points[max(self._points)] if self._points else None
        else:
            self._asked = True

    def send(self, motion: Motion | None) -> bytes | None:
        """The packet of the next frame; None when it is not needed. motion: None where the frame shows no face; then the last one
        is sent again every `SILENT` frames, so that the receiver does not lose count.

        With a rate that even coarse steps exceed, every other moving frame is left out for the receiver to interpolate.
        """
        self._frame += 1
        packet = None
        if motion is not None and self._profile.gaze:
            motion = motion if motion.gaze is not None else motion.replace(gaze=self._looked)  # shut eyes look where they looked
            self._looked = motion.gaze
        if motion is not None and self._crowded() and not self._skipped:
            self._skipped = True
        elif motion is not None:
            packet = self._packet(motion)
        elif self._given is not None and self._silent():
            packet = self._write(self._given, None)
        self._given = motion or self._given
        if self._control is not None:
            self._control.spent(len(packet or b""))
        return packet

    def skip(self) -> None:
        """Leaves the next frame out, to be interpolated: a lower frame rate at the sender's own choice."""
        self._frame += 1
        self._skipped = True
        if self._control is not None:
            self._control.spent(0)

    def _crowded(self) -> bool:
        return self._control is not None and not self._asked and self._control.crowded(self.quality)

    def _silent(self) -> bool:
        return self._frame - self._last_sent >= SILENT

    def _packet(self, motion: Motion) -> bytes | None:
        reference = max(self._points, default=None)
        still = self._shown is not None and self._still(motion, self._shown)
        due = self._frame - self._last_key >= (self._wait if still else self._interval) or self._silent()
        if self._asked or reference is None or due or (not still and self._frame - reference > LARGEST_GAP):
            self._wait = min(2 * self._wait, STILL_INTERVALS * self._interval) if still else self._interval
            return self._write(motion, None)
        if still:
            return None
        self._wait = self._interval
        return self._write(motion, reference)

    def _still(self, motion: Motion, shown: Point) -> bool:
        state = shown.state
        values, _ = quantised(self._profile.coefficients(motion, state.quality), state, self._dead_zone)
        return values == state.values

    def _write(self, motion: Motion, reference: int | None) -> bytes:
        if reference is None:
            if self._control is not None:
                self.quality = self._control.quality(self.quality)
            writer = PacketWriter(self._profile, self._tag, self._frame, quality=self.quality)
            self._asked, self._last_key, self._packets = False, self._frame, 0
            self._points.clear()
        else:
            writer = PacketWriter(self._profile, self._tag, self._frame, after=(reference, self._points[reference]))
        writer.add(self._frame, motion, ramp=self._skipped, dead_zone=self._dead_zone)
        self._skipped = False
        packet, point = writer.finish()
        self._shown, self._last_sent = point, self._frame
        if self._packets % self._spread == 0:
            self._points[self._frame] = point
            self._points = {at: kept for at, kept in self._points.items() if self._frame - at <= LARGEST_GAP}
        self._packets += 1
        return packet


class Receiver:
    """Packets in, frames out. Late, lost, doubled and damaged packets are expected: none of them raises."""

    def __init__(self, profile: Profile, tag: int) -> None:
        """tag: `Header.tag` of the sender's header; with another one every packet counts as damaged."""
        self._profile, self._tag = profile, tag
        self._points: dict[int, Point] = {}
        self._parked: dict[int, bytes] = {}
        self._newest: int | None = None
        self._stuck = 0
        self.damaged = 0
        """packets that were left out because their checksum did not fit"""
        self.undecodable = 0
        """packets that were left out because their reference never came"""

    @property
    def waiting(self) -> bool:
        """Whether the newest packet lacks its reference: then `Sender.request_key` (or `report_lost`) is due."""
        return self._newest is None or self._stuck > self._newest

    def receive(self, packet: bytes, due: int | None = None) -> list[Coded]:
        """The frames that can be shown now: those of this packet and of packets that waited for it. Often one, or none.

        due: which frame is about due by the receiver's own clock. Frame numbers count modulo 1024: with it they are right after
        any silence, without it after one of at most 511 frames (a receiver that was away for longer begins anew)."""
        try:
            head = read_head(packet)
        except ReenactError:
            self.damaged += 1
            return []
        number = self._unwrapped(head.number, self._newest if due is None else due)
        if number < 0 or number in self._points:
            return []
        if not head.key and number - head.distance not in self._points:
            self._park(number, packet)
            return []
        frames = self._open(number, packet)
        return frames + self._unpark() if frames else []

    @staticmethod
    def _unwrapped(number: int, near: int | None) -> int:
        if near is None:
            return number
        return near + (number - near + NUMBERS // 2) % NUMBERS - NUMBERS // 2

    def _open(self, number: int, packet: bytes) -> list[Coded]:
        head = read_head(packet)
        try:
            after = None if head.key else self._points[number - head.distance]
            opened = open_packet(self._profile, self._tag, packet, number, after)
        except ReenactError:
            self.damaged += 1
            return []
        last = opened.frames[-1].number
        self._points[last] = opened.point
        self._newest = last if self._newest is None else max(last, self._newest)
        self._points = {at: point for at, point in self._points.items() if self._newest - at <= KEPT}
        return list(opened.frames)

    def _park(self, number: int, packet: bytes) -> None:
        if self._newest is not None and abs(number - self._newest) > KEPT:
            self._stuck = max(self._stuck, self._newest + 1)
            self.undecodable += 1  # after a long silence, or a damaged number: its reference cannot come any more
            return
        self._stuck = max(self._stuck, number)
        self._parked[number] = packet
        if len(self._parked) > PARKED:
            del self._parked[min(self._parked)]
            self.undecodable += 1

    def _unpark(self) -> list[Coded]:
        """Opens what can be opened now, and drops what has waited too long."""
        found: list[Coded] = []
        for number in sorted(self._parked):
            packet = self._parked[number]
            if number - read_head(packet).distance in self._points:
                del self._parked[number]
                found += self._open(number, packet)
            elif self._newest is not None and self._newest - number > LARGEST_GAP:
                del self._parked[number]
                self.undecodable += 1
        return found


class Playout:
    """What to show at each frame time: decoded frames, lines between them where the sender drew lines, else the last one held."""

    def __init__(self) -> None:
        self._frames: dict[int, Coded] = {}

    def add(self, frames: list[Coded]) -> None:
        """Takes what `Receiver.receive` gave."""
        for frame in frames:
            self._frames[frame.number] = frame

    def at(self, number: int) -> Motion | None:
        """The motion of frame `number`; None before anything has come. Numbers must not go down: older frames are forgotten."""
        earlier = [at for at in self._frames if at <= number]
        if not earlier:
            return None
        last = max(earlier)
        for at in earlier:
            if at < last:
                del self._frames[at]
        later = min((at for at in self._frames if at > number), default=None)
        shown = self._frames[last].motion
        if later is None or last == number or not self._frames[later].ramp or self._frames[later].since != last:
            return shown
        return between(shown, self._frames[later].motion, (number - last) / (later - last))


def between(first: Motion, second: Motion, share: float) -> Motion:
    """The motion at `share` of the way, 0..1, number by number."""
    a, b = first.vector(), second.vector()
    return Motion.from_vector(a + (b - a) * share, eyes.between(first.gaze, second.gaze, share))
