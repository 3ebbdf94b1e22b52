"""One frame's integers as bits: the syntax of docs/bitstream.md, walked the same way by sender and receiver."""

from __future__ import annotations

from dataclasses import dataclass, field

from reenact.codec.range_coder import BitCoder, escape

PLAIN_START = 128
"""probability one half"""
LIMIT = 1 << 20
"""largest quantised coefficient"""
LONGEST_RUN = 15
"""magnitudes above it are escaped"""
HOLD, TREND = 0, 1
"""predictors: the last integers; the last plus half of their last change"""
LARGEST_GAP = 31
"""frames from one coded frame to the next at most"""

# Contexts, counted from 0 in this order; the first three groups and the three of key frames have so many for each number.
ZERO, SIGN, MORE = 9, 3, 6
KEY_ZERO, KEY_SIGN, KEY_MORE = 1, 1, 8
EACH = ZERO + SIGN + MORE + KEY_ZERO + KEY_SIGN + KEY_MORE
STILL, PREDICTOR, RAMP, ANOTHER, GAP = 2, 2, 1, 1, 8
COMMON = STILL + PREDICTOR + RAMP + ANOTHER + GAP


def context_count(length: int) -> int:
    """How many probabilities a stream of `length` numbers adapts."""
    return EACH * length + COMMON


@dataclass
class State:
    """What a frame is predicted from: all integers, a copy of it follows every packet."""

    values: list[int]
    """the last frame's"""
    before: list[int]
    """of the coded frame before that"""
    residuals: list[int]
    """of the last frame"""
    states: list[int]
    """probabilities"""
    quality: int
    still: int = 0
    """whether the last frame was"""
    predictor: int = HOLD
    fields: dict[str, float] = field(default_factory=dict)
    """bits spent by field; for reports only, no part of the format"""
    gaze_at: int = 0
    """which number the gaze begins with; for reports, too"""

    @staticmethod
    def fresh(length: int, quality: int, states: list[int], gaze: int = 0) -> State:
        """Before a key frame. gaze: how many of the last numbers are one."""
        return State([0] * length, [0] * length, [0] * length, list(states), quality, gaze_at=length - gaze)

    def copy(self) -> State:
        return State(
            list(self.values),
            list(self.before),
            list(self.residuals),
            list(self.states),
            self.quality,
            self.still,
            self.predictor,
            gaze_at=self.gaze_at,
        )

    def field_name(self, at: int) -> str:
        """Which field of Motion the number `at` belongs to."""
        coded = "gaze" if at >= self.gaze_at else "expression"
        return "head_pose" if at < 3 else "scale" if at == 3 else "translation" if at < 6 else coded


def predicted(state: State, predictor: int) -> list[int]:
    """The integers that a frame's residuals are added to. Halves are cut towards zero."""
    if predictor == HOLD:
        return state.values
    changes = [a - b for a, b in zip(state.values, state.before, strict=True)]
    return [v + (abs(c) >> 1) * (1 if c > 0 else -1) for v, c in zip(state.values, changes, strict=True)]


def code_key(coder: BitCoder, state: State, values: list[int]) -> None:
    """A frame by itself: `values` is what is written; a reader gives zeros. The state moves on to the frame."""
    length = len(state.values)
    base = (ZERO + SIGN + MORE) * length
    for at in range(length):
        began = coder.spent
        contexts = (base + at, base + length + at, base + 2 * length + KEY_MORE * at)
        number = _number(coder, state.states, contexts, KEY_MORE, values[at])
        state.values[at] = max(-LIMIT, min(LIMIT, number))
        _account(state, state.field_name(at), coder.spent - began)
    state.before, state.residuals, state.still, state.predictor = list(state.values), [0] * length, 0, HOLD


def code_delta(coder: BitCoder, state: State, values: list[int], predictor: int) -> None:
    """A frame from the one before, with `predictor` (a reader ignores it)."""
    length, states = len(state.values), state.states
    common = EACH * length
    began = coder.spent
    predictor = coder.bit(states, common + STILL + state.predictor, predictor)
    guess = predicted(state, predictor)
    wanted = [v - g for v, g in zip(values, guess, strict=True)]
    still = coder.bit(states, common + state.still, int(not any(wanted)))
    _account(state, "mode", coder.spent - began)
    residuals = [0] * length if still else _residuals(coder, state, wanted)
    state.before = state.values
    state.values = [max(-LIMIT, min(LIMIT, g + r)) for g, r in zip(guess, residuals, strict=True)]
    state.residuals, state.still, state.predictor = residuals, still, predictor


def _residuals(coder: BitCoder, state: State, wanted: list[int]) -> list[int]:
    length = len(wanted)
    found: list[int] = []
    one = two = 0
    for at in range(length):
        began = coder.spent
        last = state.residuals[at]
        own, near = min(2, abs(last)), min(2, one + two)
        contexts = (
            ZERO * at + 3 * own + near,
            ZERO * length + SIGN * at + (0 if last == 0 else 1 if last > 0 else 2),
            (ZERO + SIGN) * length + MORE * at,
        )
        value = _number(coder, state.states, contexts, MORE, wanted[at])
        found.append(value)
        one, two = abs(value), one
        _account(state, state.field_name(at), coder.spent - began)
    return found


def _number(coder: BitCoder, states: list[int], contexts: tuple[int, int, int], runs: int, value: int) -> int:
    """Zero or not; its sign; then a run of 1s for its magnitude, escaped beyond `LONGEST_RUN`."""
    zero, sign, more = contexts
    if not coder.bit(states, zero, int(value != 0)):
        return 0
    negative = coder.bit(states, sign, int(value < 0))
    size = 1
    while size <= LONGEST_RUN and coder.bit(states, more + min(size, runs) - 1, int(abs(value) > size)):
        size += 1
    if size > LONGEST_RUN:
        size += escape(coder, abs(value) - size)
    return -size if negative else size


def code_gap(coder: BitCoder, state: State, gap: int) -> int:
    """Frames from the last coded one to this one, 1..31."""
    base = EACH * len(state.values) + STILL + PREDICTOR + RAMP + ANOTHER
    found = 1
    while found < LARGEST_GAP and coder.bit(state.states, base + min(found, GAP) - 1, int(gap > found)):
        found += 1
    return found


def code_ramp(coder: BitCoder, state: State, ramp: int) -> int:
    """Whether the frames that were left out lie on a line to this one (1), or stay as the last one (0)."""
    return coder.bit(state.states, EACH * len(state.values) + STILL + PREDICTOR, ramp)


def code_another(coder: BitCoder, state: State, another: int) -> int:
    """Whether one more frame follows in this packet."""
    return coder.bit(state.states, EACH * len(state.values) + STILL + PREDICTOR + RAMP, another)


def _account(state: State, name: str, bits: float) -> None:
    state.fields[name] = state.fields.get(name, 0.0) + bits
