"""How long a failed job waits before its next attempt.

It decides a delay from a policy, the attempt's number and a draw; it must not know a clock or a source of
chance, so the leader's draw in the log gives every replica the same delay. The rule is exponential backoff
with full jitter (Brooker, "Exponential Backoff And Jitter", 2015), made total: any attempt number gives a
delay, and none overflows.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, get_args

Jitter = Literal["full", "none"]
JITTERS: tuple[Jitter, ...] = get_args(Jitter)

DELAY_MIN_MS = 10
"""No retry comes sooner, so that a job that fails at once cannot spin."""
CAP_MAX_MS = 366 * 24 * 3_600_000
RETRIES_MAX = 10**9
FACTOR_MAX = 1000.0
FACTOR_UNITS = 1000
"""A factor travels as thousandths, so that the row holds integers alone."""
ROW_FIELDS = ("retries", "base_ms", "factor_thousandths", "cap_ms", "jitter")


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """What a job does when an attempt fails.

    Attributes:
        retries: attempts after the first, from 0 (never again) to 10**9.
        base_ms: the longest wait before the first retry, in milliseconds; from 10 to ``cap_ms``.
        factor: growth of the wait from retry to retry, from 1.0 to 1000.0, with three decimals at most.
        cap_ms: the longest wait ever, in milliseconds; at most 366 days.
        jitter: "full" draws the wait between 10 ms and its limit, "none" waits the whole limit.

    Raises:
        ValueError: a field is outside its bounds.
    """

    retries: int = 3
    base_ms: int = 1000
    factor: float = 2.0
    cap_ms: int = 600_000
    jitter: Jitter = "full"

    def __post_init__(self) -> None:
        """Checks every field, naming the fault and the mend."""
        _check_int("retries", self.retries, 0, RETRIES_MAX)
        _check_int("cap_ms", self.cap_ms, DELAY_MIN_MS, CAP_MAX_MS)
        _check_int("base_ms", self.base_ms, DELAY_MIN_MS, self.cap_ms, " (cap_ms)")
        _check_factor(self.factor)
        if self.jitter not in JITTERS:
            raise ValueError(f"retry jitter {self.jitter!r} is unknown; give one of {', '.join(JITTERS)}")

    def to_row(self) -> tuple[int, int, int, int, int]:
        """Returns the policy as integers, in the order of ``ROW_FIELDS``."""
        thousandths = round(self.factor * FACTOR_UNITS)
        return (self.retries, self.base_ms, thousandths, self.cap_ms, JITTERS.index(self.jitter))

    @classmethod
    def from_row(cls, row: Sequence[object]) -> "RetryPolicy":
        """Reads a policy from its row.

        Args:
            row: a list or tuple of five integers, in the order of ``ROW_FIELDS``.

        Raises:
            ValueError: the row has another shape, or a field is outside its bounds.
        """
        if not isinstance(row, (list, tuple)):
            raise ValueError(f"retry row is a {type(row).__name__}; give a list of {', '.join(ROW_FIELDS)}")
        if len(row) != len(ROW_FIELDS):
            raise ValueError(f"retry row has {len(row)} fields; give {len(ROW_FIELDS)}: {', '.join(ROW_FIELDS)}")
        numbers: list[int] = []
        for name, value in zip(ROW_FIELDS, row, strict=True):
            if not isinstance(value, int) or isinstance(value, bool):
                raise ValueError(f"retry {name} is {value!r:.40}; give an integer")
            numbers.append(value)
        retries, base_ms, thousandths, cap_ms, jitter = numbers
        _check_int("factor_thousandths", thousandths, FACTOR_UNITS, int(FACTOR_MAX) * FACTOR_UNITS)
        _check_int("jitter", jitter, 0, len(JITTERS) - 1)
        return cls(retries, base_ms, thousandths / FACTOR_UNITS, cap_ms, JITTERS[jitter])


def delay_ms(policy: RetryPolicy, attempt: int, draw: float) -> int:
    """Returns how long to wait after a failed attempt.

    Args:
        policy: the job's policy.
        attempt: number of the attempt that failed, from 1, without an upper bound.
        draw: a number in [0, 1) that the leader drew.

    Returns:
        Milliseconds, from 10 to ``policy.cap_ms``.

    Raises:
        ValueError: the attempt is below 1, or the draw outside [0, 1).
    """
    if attempt < 1:
        raise ValueError(f"attempt {attempt} is below 1; give the number of the attempt that failed, from 1")
    if not 0.0 <= draw < 1.0:
        raise ValueError(f"draw {draw} is outside [0, 1); give a fraction of a Draws stream")
    limit_ms = _limit_ms(policy, attempt)
    assert limit_ms >= DELAY_MIN_MS, "the limit of a wait lies below the shortest wait"
    assert limit_ms <= policy.cap_ms, "the limit of a wait lies above the cap"
    if policy.jitter == "none":
        return limit_ms
    delay = DELAY_MIN_MS + int(draw * (limit_ms - DELAY_MIN_MS + 1))
    assert delay <= limit_ms, "a drawn wait lies above its limit"
    return delay


def _limit_ms(policy: RetryPolicy, attempt: int) -> int:
    if policy.factor == 1.0:
        return policy.base_ms
    # Compared as exponents first: the power itself overflows a float near attempt 1000.
    steps_to_cap = math.log(policy.cap_ms / policy.base_ms) / math.log(policy.factor)
    if attempt - 1 >= steps_to_cap:
        return policy.cap_ms
    return min(policy.cap_ms, math.ceil(policy.base_ms * policy.factor ** (attempt - 1)))


def _check_int(name: str, value: object, low: int, high: int, note: str = "") -> None:
    if not isinstance(value, int) or isinstance(value, bool):
        raise ValueError(f"retry {name} is {value!r:.40}; give an integer from {low} to {high}{note}")
    if not low <= value <= high:
        # Printed as hex beyond 64 bits: Python refuses to print very long integers in decimal.
        shown = str(value) if abs(value) < 1 << 64 else f"of {value.bit_length()} bits"
        raise ValueError(f"retry {name} {shown} is out of bounds; give an integer from {low} to {high}{note}")


def _check_factor(value: object) -> None:
    if not isinstance(value, (int, float)) or isinstance(value, bool):
        raise ValueError(f"retry factor is {value!r:.40}; give a number from 1.0 to {FACTOR_MAX}")
    if not 1.0 <= value <= FACTOR_MAX:
        raise ValueError(f"retry factor {value!r:.40} is out of bounds; give a number from 1.0 to {FACTOR_MAX}")
    near = round(value * FACTOR_UNITS) / FACTOR_UNITS
    if value != near:
        raise ValueError(f"retry factor {value!r} has more than three decimals; give {near}")


def policy_fault(row: Sequence[object]) -> str | None:
    """Returns what is wrong with a policy's row that came over a wire, or None."""
    try:
        RetryPolicy.from_row(row)
    except (ValueError, TypeError) as error:
        return str(error)
    return None
