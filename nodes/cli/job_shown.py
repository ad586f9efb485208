"""How `mainspring job` shows a job to people: facts, attempts, what was done by hand, what failed attempts have left.

Decides the order and the words. It must not know where the rows come from: it is given what `--json` shows.
"""

import sys
from itertools import groupby
from typing import Any, Final

from .formats import duration, local_time, one_line, state_style
from .output import Column, cell, json_text, show_list, show_one

ERROR_CHARS: Final = 80
BAD: Final = ("failed", "timed_out", "crashed", "lost")
LEFT_MAX: Final = 3
"""Of so many attempts what they have left is shown; those that left the same count as one."""

COLUMNS: Final = (
    Column("attempt", "attempt", right=True),
    Column("outcome", "outcome", style=state_style),
    Column("executor", "executor"),
    Column("node", "node"),
    Column("started", "started"),
    Column("lateness", "late", right=True),
    Column("duration", "took", right=True),
    Column("error", "error"),
)

AUDIT_COLUMNS: Final = (
    Column("when", "by hand"),
    Column("who", "who"),
    Column("what", "what"),
    Column("note", "why"),
)

_WHY: Final = {
    "crash_budget": "its process or executor has died too often",
    "deadline": "its deadline has passed",
    "mainspring.NoRetry": "its handler said that no attempt could succeed",
}
"""Error kind of the last attempt -> why there was no other one."""
_FAILED: Final = ("failed", "timed_out")


def show_job(found: dict[str, Any]) -> None:
    """Prints a job."""
    show_one(_told(found), as_json=False)
    executions: list[dict[str, Any]] = found["executions"]
    if executions:
        sys.stdout.write("\n")
        show_list([_attempt(row) for row in executions], COLUMNS, as_json=False)
    if found["audit"]:
        sys.stdout.write("\n")
        show_list([_change(row) for row in found["audit"]], AUDIT_COLUMNS, as_json=False)
    _show_left(found["job"], executions)


def _attempt(row: dict[str, Any]) -> dict[str, Any]:
    is_snooze = row.get("error_kind") == "snooze"
    return {
        **row,
        "started": local_time(row["started_ms"], millis=True),
        "lateness": duration(row["lateness_ms"]),
        "duration": duration(row["duration_ms"]),
        "error": "snoozed: it asked to run later" if is_snooze else one_line(row["error"], ERROR_CHARS),
    }


def _change(row: dict[str, Any]) -> dict[str, Any]:
    return {
        "when": local_time(row["made_ms"]),
        "who": row["who"],
        "what": f"{row['action'].removeprefix('job ')}: {row['before']} -> {row['after']}",
        "note": row["note"] or "",
    }


def _show_left(job: str, executions: list[dict[str, Any]]) -> None:
    """Prints tracebacks and output of failed attempts; of those in a row that left the same, once."""
    groups = [list(group) for _, group in groupby(executions, lambda row: (row["error"], row.get("output")))]
    left = [group for group in groups if _says_more(group[-1])]
    if len(left) > LEFT_MAX:
        sys.stdout.write(f"\n(what earlier attempts have left is in `mainspring job {job} --json`)\n")
    for group in left[-LEFT_MAX:]:
        first, last = group[0]["attempt"], group[-1]
        which = f"attempt {first}" if first == last["attempt"] else f"attempts {first} to {last['attempt']}"
        if _is_long(last["error"]):
            sys.stdout.write(f"\n{which} {last['outcome']}:\n{cell(last['error'].strip())}\n")
        if (last.get("output") or "").strip():
            sys.stdout.write(f"\n{which} wrote at the end:\n{cell(last['output'].rstrip())}\n")


def _says_more(row: dict[str, Any]) -> bool:
    """Says whether an attempt went wrong and has left more than the line that the table shows."""
    has_output = bool((row.get("output") or "").strip())
    return row["outcome"] in BAD and (has_output or _is_long(row["error"]))


def _is_long(error: str | None) -> bool:
    text = (error or "").strip()
    return "\n" in text or len(text) > ERROR_CHARS


def _told(found: dict[str, Any]) -> dict[str, Any]:
    """Returns what people read, without what says nothing."""
    told: dict[str, Any] = {"job": found["job"], "state": found["state"]}
    if found.get("asked"):
        told["state"] += " (was told to stop)"
    for name in ("task", "queue", "tenant", "priority", "key", "attempts", "failures", "crashes"):
        told[name] = found.get(name) or None
    if found.get("args") or found.get("kwargs"):
        told["arguments"] = _call(found["args"], found["kwargs"])
    told["payload"] = found.get("payload")
    for name in ("created", "scheduled", "due", "finished", "expires", "deadline"):
        ms = found.get(f"{name}_ms")
        told[name] = local_time(ms, millis=True) if ms is not None else None
    told["timeout"] = duration(found["timeout_ms"]) if found.get("timeout_ms") else None
    told["retries"] = found.get("retries")
    told["trace"] = found.get("trace")
    told["error"] = one_line(found.get("error")) or None
    told["given up"] = _why_dead(found)
    told = {name: value for name, value in told.items() if value is not None}
    if found["state"] == "succeeded":
        told["result"] = json_text(found.get("result"))
    return told


def _why_dead(found: dict[str, Any]) -> str | None:
    """Returns why a dead job was not tried again, if that was for another reason than its retries."""
    if found["state"] != "dead" or not found["executions"]:
        return None
    why = _WHY.get(found["executions"][-1].get("error_kind"))
    if why is None and was_ruled_out(found):
        return "retries were left, but its handler, its task's no_retry or its deadline ruled them out"
    return why


def was_ruled_out(found: dict[str, Any]) -> bool:
    """Says whether the last attempt of a dead job has failed although retries were left."""
    outcomes = [row["outcome"] for row in found["executions"]]
    failed = sum(outcome in _FAILED for outcome in outcomes)
    return bool(outcomes) and outcomes[-1] in _FAILED and failed <= (found.get("retries") or 0)


def _call(args: list[Any], kwargs: dict[str, Any]) -> str:
    """Writes arguments as `submit` reads them."""
    words = [json_text(value) for value in args]
    words += [f"{name}={json_text(value)}" for name, value in kwargs.items()]
    return " ".join(words)
