"""Bounds inside the machines, and how they relate.

What both ends of a wire must agree on stands in broker/wire/limits.py.
"""

from ..broker.wire.limits import BATCH_JOBS_MAX

HEADS_MAX = 4096
"""Jobs of a lane that memory holds; the rest of a backlog stands on disk. At twice this a lane gives back its tail."""

REFILL_JOBS = 2048
"""Jobs that one refill of a lane reads."""

REFILL_BELOW = 1024
"""A lane with more on disk is refilled when fewer than this are in memory."""

HORIZON_MS = 600_000
"""Jobs due later than this are not in the wheel but in the due index."""

HORIZON_STEP_MS = 60_000
"""The wheel's horizon moves forward when this much of it has passed."""

DOUBT_MS = 3_600_000
"""So long after a start, or after the wall clock has leapt ahead, nothing is forgotten because of its age."""

DUE_READ_JOBS = 10_000
"""Rows that one read of the due index takes."""

FIRE_JOBS_MAX = 2048
"""Timers that one turn fires at the most; the rest fire in the next."""

LEAD_MS = 10
"""A job with a free slot is leased this long before it is due, so that only a hop remains at the instant."""

SET_BACK_MS = 1_000
"""A job that was leased ahead goes back when a step of the wall clock puts it off by more than this."""

HOLD_AFTER_MS = 1_000
"""A lease older than this gets a row."""

LANES_MAX = 10_000
"""Lanes (tenant, queue, priority, task) that one shard may have."""

TASKS_MAX = 10_000
"""Tasks that one shard's catalogue may have."""

SESSIONS_MAX = 100_000
"""Client sessions that one shard remembers at once."""

EXECUTORS_MAX = 10_000
"""Executor names that one shard knows."""

CRASHES_MAX = 3
"""A job whose runner died this often, apart from its retries, ends dead."""

UNAPPLIED_BYTES_MAX = 256 * 1024 * 1024
"""Memory that jobs in entries not applied yet may take before new submits are refused as overloaded."""

UNAPPLIED_JOB_BYTES = 512
"""What a job's record takes of it besides its payload, about."""

AWAITED_MAX = 1_000_000
"""Jobs that the clients of a shard may await at once."""

QUESTIONS_A_PEER = 256
"""Questions of one client (listings, states of jobs that are not in memory) that wait for the store."""

QUESTIONS_COST_MAX = 10_000_000
"""What all of those may cost together: 10_000 a listing, 1 a job that is asked about."""

PRUNE_JOBS = 2_000
"""Finished jobs that one PRUNE removes at the most."""

LEASE_SLACK = 1.1
"""The coordinator ends a silent session this factor later than the executor ends it itself."""

EXPIRE_JOBS = 1_000
"""Jobs that one turn expires at the most."""

SCHEDULES_MAX = 200_000
"""Schedules that one shard may have."""

SCHEDULE_PARTS_MAX = 1_000
"""Parts in which a long list of schedules may come."""

TICKS_A_TURN = 1_000
"""Tick rows that one turn writes, about; the rest follow in the next."""

TICKS_A_SCHEDULE = 64
"""Instants of one schedule that one turn accounts for one by one."""

TICK_CHARS_A_TURN = 16 * 1024 * 1024
"""Arguments of jobs that the ticks of one turn make, about; so an entry stays far below what a log can hold."""

SETTLED_TICKS = 10_000
"""Tick rows that one change of schedules writes, about, before it gives up what is still to be caught up."""

VERIFIED_A_TURN = 500
"""Schedules whose next instant one turn computes again after a start."""

ACTS_BACK_MAX = 64
"""Acts on jobs by hand that wait for a PRUNE to be applied."""

PRUNE_TICKS = 10_000
"""Tick rows that one TICKS_END removes at the most."""

assert REFILL_BELOW < REFILL_JOBS < HEADS_MAX
assert HORIZON_STEP_MS < HORIZON_MS
assert BATCH_JOBS_MAX <= HEADS_MAX
assert LEAD_MS < HOLD_AFTER_MS
