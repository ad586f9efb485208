"""Every refusal the protocol knows: its stable code, whether it is definite, and the mend.

Decides which errors exist. Definite means: what was asked has not happened and will not. Indefinite means: it may
have happened; only an answer to the same (session, sequence) can tell. A client may conclude absence from a definite
error alone.
"""

from typing import NamedTuple


class ErrorCode(NamedTuple):
    """One refusal: `code` is stable for ever, `mend` is what the reader should do."""

    code: str
    definite: bool
    meaning: str
    mend: str


_ALL = (
    ErrorCode(
        "malformed",
        True,
        "the frame is not a message of this protocol",
        "use a mainspring client of the same major version",
    ),
    ErrorCode("version", True, "the peer speaks another protocol version", "upgrade the older side"),
    ErrorCode("not_here", True, "this node does not serve that shard", "say hello again and follow the cluster map"),
    ErrorCode(
        "wrong_cluster",
        True,
        "the peer belongs to another cluster",
        "check MAINSPRING_URL and the node's data directory",
    ),
    ErrorCode(
        "unknown_task",
        True,
        "no executor has announced a task of that name",
        "add its module to an executor's `tasks`, or correct the name",
    ),
    ErrorCode(
        "unknown_tenant",
        True,
        "the tenant is not declared",
        "add it to `tenants` in the node's [coordinator] section",
    ),
    ErrorCode("invalid_job", True, "a job's fields are out of range", "correct the field that the text names"),
    ErrorCode(
        "invalid_schedule",
        True,
        "a schedule's definition cannot be taken",
        "correct the field that the text names",
    ),
    ErrorCode(
        "too_many_schedules",
        True,
        "the shard has as many schedules as it takes",
        "remove those that nobody needs",
    ),
    ErrorCode(
        "payload_too_large",
        True,
        "a payload exceeds payload_bytes_max",
        "store the data elsewhere and pass a reference",
    ),
    ErrorCode("batch_too_large", True, "a batch has too many jobs or ids", "send it in smaller batches"),
    ErrorCode(
        "queue_full",
        True,
        "the queue's backlog is at backlog_jobs_max",
        "wait, add executors, or raise backlog_jobs_max",
    ),
    ErrorCode(
        "too_many_lanes",
        True,
        "the shard knows too many combinations of tenant, queue, priority and task",
        "use fewer queues or priorities",
    ),
    ErrorCode("overloaded", True, "the node has too much in hand to take more", "try again after a pause"),
    ErrorCode(
        "disk_full",
        True,
        "the node's disk has no room for new jobs",
        "free space in the data directory; running jobs still finish",
    ),
    ErrorCode(
        "draining",
        True,
        "the node is shutting down and takes no new jobs",
        "try again when it is back, or another node",
    ),
    ErrorCode(
        "unknown_session",
        False,
        "the session is not known here, so an earlier try may have been taken",
        "look the jobs up by key or list before sending again",
    ),
    ErrorCode(
        "forgotten",
        False,
        "the answer to that sequence is no longer kept",
        "look the jobs up by key or list before sending again",
    ),
    ErrorCode(
        "not_found",
        True,
        "no job has that id, or retention has removed it",
        "check the id; see [coordinator.retention]",
    ),
    ErrorCode("finished", True, "the job has already ended", "nothing to do; `mainspring job ID` shows how it ended"),
    ErrorCode(
        "invalid_query",
        True,
        "the query is not known or its filter is out of range",
        "correct the field that the text names",
    ),
)

ERRORS = {error.code: error for error in _ALL}
"""code -> ErrorCode, for every refusal that exists."""

assert len(ERRORS) == len(_ALL), "error codes must be unique"
