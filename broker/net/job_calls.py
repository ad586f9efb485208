"""What both clients ask to be done with jobs by hand, as commands of the machine.

Decides what a reason may be, and that a job which nobody knows is an error to whoever named it alone. Must not know
what an act means in which state: the coordinator says so by its codes. Rule: docs/operating-jobs.md.
"""

from collections.abc import Iterable, Mapping
from typing import cast

from ...actors.client.events import ActOnJobs
from ..tasks.exceptions import InvalidOption
from ..wire.limits import REASON_CHARS_MAX
from .calls import AnyId, Make, ids_of
from .exceptions import job_error
from .who import who

NOT_FOUND = "not_found"


def acted(action: str, jobs: AnyId | Iterable[AnyId], reason: str | None, *, force: bool = False) -> Make:
    """Returns the command that does something with jobs.

    Raises:
        InvalidOption: The reason is no text, or too long.
        ValueError: An id is none.
    """
    found = cast("object", reason)
    if found is not None and not (isinstance(found, str) and 0 < len(found) <= REASON_CHARS_MAX):
        text = f"reason is {found!r:.100}; give text of 1 to {REASON_CHARS_MAX} characters, or leave it out"
        raise InvalidOption(text)
    ids, by = ids_of(jobs), who()
    return lambda request, until_ns: ActOnJobs(request, action, ids, bool(force), reason, by, until_ns)


def code_of(codes: Mapping[int, str], id: int) -> str:
    """Returns what became of the one job that was named.

    Raises:
        JobNotFound: No job has the id.
    """
    if codes[id] == NOT_FOUND:
        raise job_error([id, NOT_FOUND, None, None, 0, None])
    return codes[id]
