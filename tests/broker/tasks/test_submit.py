"""The options of a submit: validated at the call, in wire units, never early."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mainspring.broker.tasks.exceptions import InvalidOption
from mainspring.broker.tasks.options import span_ms
from mainspring.broker.tasks.submit import SubmitOptions, instant_ms, submit_options


def test_nothing_given_says_nothing() -> None:
    """Without options a submit follows the task."""
    assert submit_options() == SubmitOptions()


def test_options_reach_wire_units() -> None:
    """Seconds and timedeltas become milliseconds, instants UTC milliseconds."""
    moment = datetime(2026, 1, 31, 10, 30, tzinfo=timezone(timedelta(hours=1)))

    options = submit_options(at=moment, key="welcome-17", tenant="acme", queue="mail", timeout=timedelta(minutes=1))

    assert options.at_ms == 1_769_851_800_000
    assert (options.key, options.tenant, options.queue, options.timeout_ms) == ("welcome-17", "acme", "mail", 60_000)
    assert submit_options(delay=0.25, expires=10).delay_ms == 250


@given(seconds=st.floats(0, 1e9) | st.integers(0, 10**9))
def test_a_delay_is_never_shortened(seconds: float) -> None:
    """Rounding goes up, and by less than a millisecond."""
    assert seconds * 1000 - 1e-3 <= span_ms("delay", seconds) < seconds * 1000 + 1 + 1e-3


@given(moment=st.datetimes(datetime(1970, 1, 1), datetime(9999, 12, 31), timezones=st.timezones()))  # noqa: DTZ001  (naive on purpose)
def test_an_instant_rounds_up(moment: datetime) -> None:
    """A due time is the first millisecond that is not before the instant."""
    if moment < datetime(1970, 1, 1, tzinfo=UTC):
        return
    ms = instant_ms("at", moment)

    assert (
        timedelta(0)
        <= datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=ms) - moment
        < timedelta(milliseconds=1)
    )


@pytest.mark.parametrize(("seconds", "ms"), [(0.1, 100), (0.3, 300), (1.001, 1001), (0.0001, 1), (0, 0), (1e-12, 0)])
def test_decimal_fractions_are_meant(seconds: float, ms: int) -> None:
    """What binary fractions add below a nanosecond is no millisecond."""
    assert span_ms("delay", seconds) == ms


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"delay": 1, "at": datetime(2026, 1, 1, tzinfo=UTC)}, "delay and at are both given; give one of them"),
        ({"delay": -1}, "delay is -1; give 0 or more seconds"),
        ({"delay": timedelta(days=-1)}, "give 0 or more seconds"),
        ({"delay": float("inf")}, "give a finite number of seconds"),
        ({"delay": 1e11}, "at most a hundred years"),
        ({"at": datetime(2026, 1, 1)}, "has no time zone; give one, as in"),  # noqa: DTZ001  (naive on purpose)
        ({"at": "tomorrow"}, "at is 'tomorrow'; give a datetime with a time zone"),
        ({"at": datetime(1969, 1, 1, tzinfo=UTC)}, "before 1970; give a later instant"),
        ({"key": ""}, "key is ''; give text of 1 to 200 characters"),
        ({"key": "x" * 201}, "give text of 1 to 200 characters"),
        ({"key": "\ud800"}, "half a surrogate pair"),
        ({"tenant": "a/b"}, "tenant 'a/b' is no valid name"),
        ({"queue": ""}, "queue '' is no valid name"),
        ({"priority": 1.5}, "priority is 1.5; give a whole number"),
        ({"retries": 1001}, "retries is 1001"),
        ({"timeout": 0}, "timeout is 0; give more than 0 seconds"),
        ({"expires": 0}, "expires is 0; give more than 0 seconds"),
    ],
)
def test_options_out_of_range_are_refused(options: dict[str, object], text: str) -> None:
    """Each error names the option and the mend."""
    with pytest.raises(InvalidOption, match=text):
        submit_options(**options)  # type: ignore[arg-type]  (wrong on purpose)
