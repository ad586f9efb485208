"""The tables of a shard file, and how an older file becomes one of today.

Decides tables, columns and indexes; each column says in the file itself why it is there. Must not know entries or the
writer. Every change of a table, an index or a view is a new version and a new migration; a version once released
stays as it is.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from .schedule_tables import SCHEDULE_TABLES_1
from .schedule_views import SCHEDULE_VIEWS
from .views import VIEWS

if TYPE_CHECKING:
    from sqlite_utils import Database

APPLICATION_ID = 0x4D535052
"""PRAGMA application_id of every shard file ("MSPR"): tells ours from anybody else's."""

# The comments inside the statements are kept by SQLite and shown by `.schema`, so the file explains itself. Small
# columns stand before payload and result, so that a listing does not walk the overflow pages of a large payload.
_TABLES_1 = (
    """
    CREATE TABLE meta (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        applied INTEGER NOT NULL,        -- index of the last log entry that these rows hold
        epoch INTEGER NOT NULL,          -- epoch of that entry
        stamp_ms INTEGER NOT NULL,       -- its leader's wall clock; the next stamp is never less
        next_sequence INTEGER NOT NULL,  -- sequence number of the next job id
        floor INTEGER NOT NULL,          -- every open lease older than this entry has a row in leases
        finished INTEGER NOT NULL,       -- rows in finished, so that nobody counts them
        executions INTEGER NOT NULL,     -- rows in executions, so that nobody counts them
        next_schedule INTEGER NOT NULL,  -- number of the next schedule
        next_audit INTEGER NOT NULL,     -- id of the next row in audit
        ticks INTEGER NOT NULL,          -- rows in ticks, so that nobody counts them
        lease_ttl_ms INTEGER NOT NULL    -- how long leases may be trusted without a renewal; 0 until an entry says so
    )""",
    """
    CREATE TABLE lanes (
        lane INTEGER PRIMARY KEY,        -- what jobs and executions point at
        tenant TEXT NOT NULL,
        queue TEXT NOT NULL,
        priority INTEGER NOT NULL,
        task TEXT NOT NULL,
        scheduled INTEGER NOT NULL DEFAULT 0,  -- live jobs by state
        ready INTEGER NOT NULL DEFAULT 0,
        retrying INTEGER NOT NULL DEFAULT 0,
        succeeded INTEGER NOT NULL DEFAULT 0,  -- finished jobs by state, less the pruned ones
        dead INTEGER NOT NULL DEFAULT 0,
        cancelled INTEGER NOT NULL DEFAULT 0,
        expired INTEGER NOT NULL DEFAULT 0,
        skipped INTEGER NOT NULL DEFAULT 0,
        discarded INTEGER NOT NULL DEFAULT 0
    )""",
    """
    CREATE TABLE executors (
        executor INTEGER PRIMARY KEY,    -- what executions and leases point at
        node TEXT NOT NULL,
        name TEXT NOT NULL
    )""",
    """
    CREATE TABLE tasks (
        name TEXT PRIMARY KEY,
        runner TEXT NOT NULL,            -- process, asyncio, thread or command
        queue TEXT NOT NULL,             -- default queue
        retry TEXT NOT NULL,             -- default retry policy, a JSON row
        timeout_ms INTEGER,              -- default timeout
        priority INTEGER NOT NULL        -- default priority
    ) WITHOUT ROWID""",
    """
    CREATE TABLE jobs (
        id INTEGER PRIMARY KEY,          -- shard << 40 | sequence
        lane INTEGER NOT NULL,
        state INTEGER NOT NULL,          -- 1 scheduled, 2 ready, 4 retrying; whether it runs, leases and the log say
        due_ms INTEGER,                  -- when it runs; NULL if it has stood in its lane since it was written
        scheduled_ms INTEGER NOT NULL,   -- the nominal time, which retries do not move
        attempts INTEGER NOT NULL,       -- attempts recorded so far
        failures INTEGER NOT NULL,       -- those that count against the retry policy
        crashes INTEGER NOT NULL,        -- those that count against the crash budget
        asked INTEGER NOT NULL,          -- the state in which it is to end if its run was asked to stop, else 0
        created_ms INTEGER NOT NULL,     -- stamp of the entry that took it
        key TEXT,                        -- idempotency key
        retry TEXT,                      -- retry policy, a JSON row, if not the task's
        timeout_ms INTEGER,              -- timeout, if not the task's
        expires_ms INTEGER,              -- it must have started by then
        trace TEXT,                      -- trace context of the submitter
        deadline_ms INTEGER,             -- whatever it does is over then
        payload TEXT NOT NULL            -- arguments, JSON text as the client wrote it
    )""",
    # Every index ends in the id by itself; naming it would store it twice.
    "CREATE INDEX jobs_ready ON jobs (lane) WHERE due_ms IS NULL",
    "CREATE INDEX jobs_due ON jobs (due_ms) WHERE due_ms IS NOT NULL",
    "CREATE INDEX jobs_expires ON jobs (expires_ms) WHERE expires_ms IS NOT NULL",
    """
    CREATE TABLE finished (
        id INTEGER PRIMARY KEY,
        lane INTEGER NOT NULL,
        state INTEGER NOT NULL,          -- 10 succeeded, 11 dead, 12 cancelled, 13 expired, 14 skipped,
                                         -- 15 discarded
        attempts INTEGER NOT NULL,
        created_ms INTEGER NOT NULL,
        scheduled_ms INTEGER NOT NULL,
        finished_ms INTEGER NOT NULL,    -- stamp of the entry that ended it; never goes back, retention goes by it
        key TEXT,                        -- from here to deadline_ms: what is needed to run the job again as it was
        retry TEXT,
        timeout_ms INTEGER,
        expires_ms INTEGER,
        trace TEXT,
        deadline_ms INTEGER,
        error_kind TEXT,                 -- of the attempt that ended it; NULL if none did
        error TEXT,
        payload TEXT NOT NULL,
        result TEXT                      -- JSON text as the runner wrote it
    )""",
    "CREATE INDEX finished_lane ON finished (lane, finished_ms)",
    # With all that dead letters are searched by, so that 100 000 of them are passed over without a look at their rows.
    "CREATE INDEX finished_unusual ON finished (state, id, lane, error_kind, finished_ms) WHERE state <> 10",
    "CREATE INDEX finished_dead ON finished (lane, error_kind, finished_ms) WHERE state = 11",
    """
    CREATE TABLE executions (
        job_id INTEGER NOT NULL,
        attempt INTEGER NOT NULL,        -- 1, 2, 3, ... of its job
        lane INTEGER NOT NULL,
        outcome INTEGER NOT NULL,        -- 1 succeeded, 2 failed, 3 timed_out, 4 crashed, 5 cancelled, 6 lost,
                                         -- 7 returned
        executor INTEGER,
        scheduled_ms INTEGER,            -- when this attempt was due
        started_ms INTEGER,              -- by the executor's clock; NULL if it never started
        finished_ms INTEGER,
        error_kind TEXT,
        error TEXT,
        output TEXT,                     -- the end of what it wrote, where that is known and it did not succeed
        PRIMARY KEY (job_id, attempt)
    ) WITHOUT ROWID""",
    """
    CREATE TABLE leases (
        id INTEGER PRIMARY KEY,          -- the job; younger leases stand in the log alone
        attempt INTEGER NOT NULL,
        epoch INTEGER NOT NULL,          -- fence = (epoch, entry)
        entry INTEGER NOT NULL,
        executor INTEGER NOT NULL,
        incarnation INTEGER NOT NULL,
        leased_ms INTEGER NOT NULL
    )""",
    """
    CREATE TABLE sessions (
        session INTEGER NOT NULL,
        sequence INTEGER NOT NULL,       -- of the client's submit
        first_id INTEGER,                -- the answer that it got: first id,
        count INTEGER NOT NULL,          -- how many follow on from it,
        existing TEXT,                   -- and [offset, id] of duplicates by key, a JSON list; NULL if none
        acked_below INTEGER NOT NULL,
        stamp_ms INTEGER NOT NULL,
        PRIMARY KEY (session, sequence)
    ) WITHOUT ROWID""",
    """
    CREATE TABLE keys (
        tenant TEXT NOT NULL,
        key TEXT NOT NULL,
        id INTEGER NOT NULL,             -- the job that holds the key
        until_ms INTEGER,                -- until then; NULL for ever
        PRIMARY KEY (tenant, key)
    ) WITHOUT ROWID""",
    "CREATE INDEX keys_until ON keys (until_ms) WHERE until_ms IS NOT NULL",
    "INSERT INTO meta VALUES (1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0)",
)


def _version_1(database: "Database") -> None:
    for statement in (*_TABLES_1, *SCHEDULE_TABLES_1):
        database.conn.execute(statement)
    for name, select in (VIEWS | SCHEDULE_VIEWS).items():
        database.create_view(name, select)


MIGRATIONS: tuple[Callable[["Database"], None], ...] = (_version_1,)
"""MIGRATIONS[n] takes a file of version n to n + 1; an empty file has version 0."""

SCHEMA_VERSION = len(MIGRATIONS)
