"""The tables of schedules: records, what became of their instants, who changed what, and the boots of hosts.

Decides tables, columns and indexes, as schema.py does for the rest; each column says in the file why it is there.
"""

SCHEDULE_TABLES_1 = (
    # Payloads may be large, so they stand last: the hot columns, which every tick rewrites, come before them.
    """
    CREATE TABLE schedules (
        schedule INTEGER PRIMARY KEY,    -- 1, 2, 3, ...; a name that is added again gets a new number
        source TEXT NOT NULL,            -- code, client or file:<name>: where the definition comes from
        revision TEXT NOT NULL,          -- what the source calls this version of it
        paused INTEGER NOT NULL,         -- 1 or 0
        pause_note TEXT,                 -- why it is paused or goes on
        cursor_ms INTEGER NOT NULL,      -- every instant up to here is accounted for in ticks
        next_ms INTEGER,                 -- the next nominal instant; NULL if there is none
        runs INTEGER NOT NULL,           -- how many jobs it has made
        buffered_ms INTEGER,             -- this instant waits for the job of an earlier one to end
        skip_from_ms INTEGER,            -- the last row in ticks, if it was skipped and a like one can extend it:
        skip_count INTEGER,              -- its instants so far,
        skip_reason INTEGER,             -- and its reason
        fired_ms INTEGER,                -- the last instant that made a job,
        fired_job INTEGER,               -- and the job
        changed_ms INTEGER NOT NULL,     -- stamp of the entry that last defined, paused or resumed it
        removed_ms INTEGER,              -- stamp of the entry that removed it; it goes when its last tick has gone
        defined_paused INTEGER,          -- what the definition says of it; NULL: leave it as it is
        created_ms INTEGER NOT NULL,     -- stamp of the entry that added it
        name TEXT NOT NULL,              -- from here to payload: the definition
        tenant TEXT NOT NULL,
        queue TEXT NOT NULL,
        task TEXT NOT NULL,
        priority INTEGER NOT NULL,
        retry TEXT,                      -- retry policy of its jobs, a JSON row, if not the task's
        timeout_ms INTEGER,              -- timeout of its jobs, if not the task's
        expression TEXT NOT NULL,        -- cron text, @every 90s, @reboot and the like
        zone TEXT NOT NULL,              -- name of the time zone
        fold TEXT NOT NULL,              -- first, last or both of a time that comes twice
        gap TEXT NOT NULL,               -- shift or skip a time that does not come
        start_ms INTEGER,                -- no instant before
        end_ms INTEGER,                  -- no instant after
        jitter_ms INTEGER NOT NULL,      -- each instant fires so much later at most, by a hash
        catch_up TEXT NOT NULL,          -- skip, latest or all of the instants that nobody was there for
        window_ms INTEGER NOT NULL,      -- older ones are never caught up
        grace_ms INTEGER NOT NULL,       -- an instant that is late by so much still fires
        overlap TEXT NOT NULL,           -- skip, allow or buffer_one while an earlier job lives
        runs_max INTEGER,                -- after so many jobs it has ended
        note TEXT,
        payload TEXT NOT NULL            -- arguments of its jobs, JSON text
    )""",
    "CREATE UNIQUE INDEX schedules_live ON schedules (name, tenant) WHERE removed_ms IS NULL",
    "CREATE INDEX schedules_removed ON schedules (name, tenant) WHERE removed_ms IS NOT NULL",
    """
    CREATE TABLE ticks (
        schedule INTEGER NOT NULL,
        from_ms INTEGER NOT NULL,        -- the first of the nominal instants that share a fate;
                                         -- a part of a second only if somebody asked for a run
        to_ms INTEGER NOT NULL,          -- the last of them
        count INTEGER NOT NULL,          -- how many there are
        reason INTEGER NOT NULL,         -- 1 to 9 a job was made, from 10 on none was; v_ticks names it
        job_id INTEGER,                  -- the job
        stamp_ms INTEGER NOT NULL,       -- stamp of the entry that decided it
        PRIMARY KEY (schedule, from_ms)
    ) WITHOUT ROWID""",
    # Newest first for people; and retention goes by the end of a range, so that one which still grows stays.
    "CREATE INDEX ticks_from ON ticks (from_ms)",
    "CREATE INDEX ticks_to ON ticks (to_ms)",
    """
    CREATE TABLE tick_jobs (
        job INTEGER PRIMARY KEY,         -- live jobs that ticks have made; a start reads these, not ticks
        schedule INTEGER NOT NULL
    )""",
    """
    CREATE TABLE audit (
        id INTEGER PRIMARY KEY,          -- 1, 2, 3, ...
        stamp_ms INTEGER NOT NULL,       -- stamp of the entry that holds the change
        who TEXT NOT NULL,
        action TEXT NOT NULL,
        object TEXT NOT NULL,            -- what was changed
        before TEXT,
        after TEXT,
        note TEXT
    )""",
    """
    CREATE TABLE boots (
        node TEXT PRIMARY KEY,
        boot TEXT NOT NULL               -- boot id of its host, which a start of the host changes
    ) WITHOUT ROWID""",
)
