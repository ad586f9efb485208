"""Who asks, for the audit.

Decides by which name a process goes: its user and its machine. Must not know what is asked.
"""

import os
from functools import lru_cache

from ..wire.limits import NAME_CHARS_MAX


@lru_cache(maxsize=1)
def who() -> str:
    """Returns user@host of this process."""
    from getpass import getuser  # here, because few clients change anything that is audited

    try:
        user = getuser()
    except (KeyError, OSError):  # no name is known for this user's number
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"[:NAME_CHARS_MAX]
