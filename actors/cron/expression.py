"""Cron expressions: what a text says, and which texts are refused.

Decides the grammar of whole expressions; `fields` has that of each field. It must not know which instants an
expression names. Whatever can be read in two ways is refused, with both readings where that helps.

| fields | order                                                                                   |
|--------|-----------------------------------------------------------------------------------------|
| 5      | minute, hour, day of month, month, day of week                                          |
| 6      | second in front of those                                                                |
| 7      | second in front, year (1970 to 2099) at the end                                         |

| instead of fields                      | means                                                        |
|----------------------------------------|--------------------------------------------------------------|
| `@yearly`, `@annually`                 | `0 0 1 1 *`                                                  |
| `@monthly`                             | `0 0 1 * *`                                                  |
| `@weekly`                              | `0 0 * * 0`                                                  |
| `@daily`, `@midnight`                  | `0 0 * * *`                                                  |
| `@hourly`                              | `0 * * * *`                                                  |
| `@every 90s`, `@every 1h30m`           | equal distances of real time                                 |
| `@reboot`                              | no instants: once when the host was started                  |

`CRON_TZ=Europe/Riga` or `TZ=Europe/Riga` in front names the zone, whatever zone the schedule has.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from .days import DayRule, day_rule
from .every import period_text, read_period
from .fields import DAY_OF_MONTH, DAY_OF_WEEK, HOUR, MINUTE, MONTH, SECOND, YEAR, YEAR_FIRST, YEAR_LAST, read_field
from .months import EVERY_DAY
from .zones import zone_info

TEXT_CHARACTERS_MAX: Final = 500
MACROS: Final = {
    "@yearly": "0 0 1 1 *",
    "@annually": "0 0 1 1 *",
    "@monthly": "0 0 1 * *",
    "@weekly": "0 0 * * 0",
    "@daily": "0 0 * * *",
    "@midnight": "0 0 * * *",
    "@hourly": "0 * * * *",
}
_KINDS = (SECOND, MINUTE, HOUR, DAY_OF_MONTH, MONTH, DAY_OF_WEEK, YEAR)
_ZONE = re.compile(r"(?:CRON_TZ|TZ)=([^ \t]*)[ \t]*(.*)")
_BLANKS = re.compile(r"[ \t]+")
_NO_DAYS: Final = DayRule(EVERY_DAY, (), (), every_day=False)


@dataclass(frozen=True, slots=True)
class Expression:
    """A cron expression that was read.

    Attributes:
        text: its one spelling; `parse` reads it as an equal expression.
        zone: the name of its time zone.
        seconds: the seconds of its minutes, ascending; empty with `minutes` and `hours` if it names no wall times.
        minutes: the minutes of its hours, ascending.
        hours: the hours of its days, ascending.
        days: the rule of its days.
        wildcard: whether its minute or hour field begins with `*`, so that it follows real time.
        every_s: the period of `@every` in seconds, else 0.
        is_reboot: whether it is `@reboot`.
    """

    text: str
    zone: str
    seconds: tuple[int, ...] = ()
    minutes: tuple[int, ...] = ()
    hours: tuple[int, ...] = ()
    days: DayRule = _NO_DAYS
    wildcard: bool = False
    every_s: int = 0
    is_reboot: bool = False


def parse(text: str, zone: str = "UTC") -> Expression:
    """Reads a cron expression.

    Args:
        text: the expression.
        zone: the name of the time zone that it is in, unless it names one itself.

    Returns:
        What it says.

    Raises:
        ValueError: it is not accepted; the text says why, and what to write instead.
    """
    if not isinstance(text, str) or not isinstance(zone, str):  # pyright: ignore[reportUnnecessaryIsInstance]  users give anything
        raise ValueError("a cron expression and its time zone are texts; give it as in '30 2 * * *', 'Europe/Riga'")
    if len(text) > TEXT_CHARACTERS_MAX:
        raise ValueError(f"a cron expression of {len(text)} characters; {TEXT_CHARACTERS_MAX} are the most, split it")
    return _parse(text, zone)


@lru_cache(maxsize=4096)
def _parse(text: str, zone: str) -> Expression:
    try:
        _check_characters(text)
        rest = text.strip(" \t")
        match = _ZONE.fullmatch(rest)
        if match is not None:
            zone, rest = match.groups()
        zone_info(zone)
        prefix = "" if zone == "UTC" else f"CRON_TZ={zone} "
        if rest.startswith("@"):
            return _named(rest, zone, prefix)
        return _of_fields(rest, zone, prefix)
    except ValueError as error:
        raise ValueError(f"cron expression {text!r}: {error}") from None


def _check_characters(text: str) -> None:
    for character in text:
        if not " " <= character <= "~" and character != "\t":
            what = "a blank" if character.isspace() else "a character"
            raise ValueError(f"{what} that is not ASCII or not printable (U+{ord(character):04X}); type it again")


def _named(text: str, zone: str, prefix: str) -> Expression:
    """Reads what begins with an @."""
    name, _, rest = _BLANKS.sub(" ", text).partition(" ")
    name = name.lower()
    if name == "@every":
        every_s = read_period(rest.upper())
        return Expression(f"{prefix}@every {period_text(every_s)}", zone, every_s=every_s)
    known = ", ".join((*MACROS, "@every 90s", "@reboot"))
    if name != "@reboot" and name not in MACROS:
        raise ValueError(f"{name} is not known; give five fields or one of {known}")
    if rest:
        raise ValueError(f"{rest!r} after {name}; {name} stands alone")
    if name == "@reboot":
        return Expression(f"{prefix}@reboot", zone, is_reboot=True)
    return _of_fields(MACROS[name], zone, prefix)


def _of_fields(text: str, zone: str, prefix: str) -> Expression:
    """Reads five, six or seven fields."""
    texts = _BLANKS.split(text.upper()) if text else []
    if not 5 <= len(texts) <= 7:
        raise ValueError(
            f"{len(texts)} fields; give 5 (minute, hour, day of month, month, day of week), 6 (second in front) "
            "or 7 (second in front, year last), and no command"
        )
    if len(texts) == 6:
        _check_no_year(texts)
    if len(texts) == 5:
        texts.insert(0, "0")
    fields = [read_field(kind, item) for kind, item in zip(_KINDS, texts, strict=False)]
    second, minute, hour, day_of_month, month, day_of_week = fields[:6]
    year = fields[6] if len(fields) == 7 else None
    rule = day_rule(day_of_month, month, day_of_week, year)
    spelled = [field.text for field in fields]
    if len(spelled) == 7 and not rule.years:
        spelled.pop()
    if len(spelled) == 6 and second.values == (0,):
        spelled.pop(0)
    wildcard = minute.starred or hour.starred
    return Expression(
        prefix + " ".join(spelled), zone, second.values, minute.values, hour.values, rule, wildcard=wildcard
    )


def _check_no_year(texts: list[str]) -> None:
    for item in re.split(r"[,/-]", texts[5]):
        if item.isdigit() and YEAR_FIRST <= int(item) <= YEAR_LAST:
            raise ValueError(
                f"6 fields begin with the second, and then {texts[5]} is in the day-of-week field; if it is the year, "
                f"give 7 fields: '0 {' '.join(texts)}'"
            )
