"""Decides what all tables of all files have in common.

It must not know any of them. That an unknown key is refused is promise P7.
"""

from pydantic import BaseModel, ConfigDict

MIB = 1024 * 1024
DAY_S = 86_400
YEAR_S = 366 * DAY_S


class Section(BaseModel):
    """A table of the file: immutable, strict about types, and closed to unknown keys."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False, validate_default=False)
