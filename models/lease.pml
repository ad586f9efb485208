/* The fence by epoch and the lease of a run, across changes of the leader, for Spin.
 *
 * What it says: whatever the messages do, no two executors run one job at the same time. A leader of a new epoch does
 * not know what its predecessor's executors do; it gives the job away only when the run's executor denies it or its
 * lease is over. There are two executors and one job that is tried again and again. Elections are taken as given:
 * election.pml shows that there is one leader an epoch and that only the newest can commit.
 *
 * Time is counted in ticks. An executor ends its run when its lease is over, which it counts from the moment it *sent*
 * the hello or heartbeat that was answered; a leader counts its wait from the moment it heard it, or from its start.
 * A leader answers once a quorum has said, after it heard, that it still leads. A Run may arrive at any time, any
 * number of times, or never; so may a hello.
 *
 * Each planted bug must make Spin find a trace: NO_WAIT (a new leader takes silent executors for dead at once),
 * SHORT_WAIT (it waits less than a lease), NO_ROUND (a deposed leader goes on answering heartbeats), NO_FENCE (an
 * executor takes a Run of a leader or link that it has left), LATE_FENCE (it leaves the old link when the new leader
 * has welcomed it, and not already when it says hello), OLD_HELLO (a leader that has closed a link opens it again for
 * a hello that comes twice).
 *
 *     spin -a -DNO_ROUND models/lease.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan
 */

#define EXECUTORS 2
#ifndef EPOCHS
#define EPOCHS 2
#endif
#ifndef LINKS
#define LINKS 2
#endif
#ifndef ATTEMPTS
#define ATTEMPTS 2
#endif
#ifndef LEASE
#define LEASE 2
#endif
/* ticks */
#ifdef SHORT_WAIT
#define WAIT (LEASE - 1)
#else
#define WAIT LEASE
#endif
#ifdef NO_WAIT
#define ORPHANS_WAIT 0
#else
#define ORPHANS_WAIT WAIT
#endif

#define HELLO(x, link) ((x) * (LINKS + 1) + (link))

/* What is committed: the last attempt, whether its lease is open, and who has it. */
byte attempt;
bool open;
byte owner;

/* The newest leader: its epoch, its links, the last hello it heard of each executor, how long it
 * waits yet for each, and for executors that it never met. */
byte epoch = 1;
byte link_open[EXECUTORS];
byte heard[EXECUTORS];
byte silence[EXECUTORS];
byte orphans = ORPHANS_WAIT;

/* Executors: the leader and link they talk to, the ones whose Runs they take, their lease and what they run. */
byte follows[EXECUTORS] = 1;
byte link[EXECUTORS];
bool welcomed[EXECUTORS];
byte takes_epoch[EXECUTORS];
byte takes_link[EXECUTORS];
byte lease[EXECUTORS];
byte running[EXECUTORS];

/* The network. `asked` is what the lease would be if the last hello or heartbeat were answered now. */
byte asked[EXECUTORS];
bool heartbeat[EXECUTORS];
bool answered[EXECUTORS];
byte hello_epoch[EXECUTORS * (LINKS + 1)];
byte hello_running[EXECUTORS * (LINKS + 1)];
byte welcome[EXECUTORS];
byte welcome_epoch[EXECUTORS];
byte run_owner[ATTEMPTS + 1];
byte run_epoch[ATTEMPTS + 1];
byte run_link[ATTEMPTS + 1];
byte result;

#ifdef NO_FENCE
#define OF_LINK(x, number) true
#else
#define OF_LINK(x, number) (run_epoch[number] == takes_epoch[x] && run_link[number] == takes_link[x])
#endif
#define LESS(value) value = (value > 0 -> value - 1 : 0)

inline end_run(x) {
    if
    :: lease[x] == 0 -> running[x] = 0
    :: else
    fi
}

inline tick() {
    LESS(lease[0]);
    LESS(lease[1]);
    LESS(asked[0]);
    LESS(asked[1]);
    LESS(silence[0]);
    LESS(silence[1]);
    LESS(orphans);
    end_run(0);
    end_run(1)
}

inline drop_hello(x, number) {
    hello_epoch[HELLO(x, number)] = 0;
    hello_running[HELLO(x, number)] = 0
}

/* What nobody will hear any more is taken out of the network, so that fewer states differ. */
inline drop_hellos(x, to) {
    if
    :: to >= 1 -> drop_hello(x, 1)
    :: else
    fi;
    if
    :: to >= 2 -> drop_hello(x, 2)
    :: else
    fi
#if LINKS > 2
    ;
    if
    :: to >= 3 -> drop_hello(x, 3)
    :: else
    fi
#endif
}

inline elect() {
    epoch++;
    drop_hellos(0, LINKS);
    drop_hellos(1, LINKS);
    link_open[0] = 0;
    link_open[1] = 0;
    heard[0] = 0;
    heard[1] = 0;
    silence[0] = 0;
    silence[1] = 0;
    orphans = ORPHANS_WAIT
}

inline drop_run(x, number) {
    if
    :: run_epoch[number] > 0 && run_owner[number] == x && !OF_LINK(x, number) && run_link[number] < link[x] ->
        run_owner[number] = 0;
        run_epoch[number] = 0;
        run_link[number] = 0
    :: else
    fi
}

inline leave_old_link(x) {
    takes_epoch[x] = follows[x];
    takes_link[x] = link[x];
    drop_run(x, 1);
    drop_run(x, 2)
#if ATTEMPTS > 2
    ;
    drop_run(x, 3)
#endif
}

/* It has heard of a leader, or its connection broke. */
inline say_hello(x, to) {
    follows[x] = to;
    link[x]++;
    welcomed[x] = false;
    heartbeat[x] = false;
    answered[x] = false;
    asked[x] = LEASE;
    hello_epoch[HELLO(x, link[x])] = to;
    hello_running[HELLO(x, link[x])] = running[x];
#ifndef LATE_FENCE
    leave_old_link(x)
#endif
}

inline hear_hello(x, number) {
    if
    :: open && owner == x && hello_running[HELLO(x, number)] != attempt -> open = false /* denied */
    :: else
    fi;
    link_open[x] = number;
    heard[x] = number;
    welcome_epoch[x] = hello_epoch[HELLO(x, number)];
#ifndef OLD_HELLO
    drop_hellos(x, number);
#endif
    silence[x] = WAIT;
    welcome[x] = number
}

inline hear_welcome(x) {
    welcomed[x] = true;
    welcome[x] = 0;
    welcome_epoch[x] = 0;
    lease[x] = (asked[x] > lease[x] -> asked[x] : lease[x]);
    leave_old_link(x)
}

inline send_heartbeat(x) {
    asked[x] = LEASE;
    heartbeat[x] = true;
    answered[x] = false
}

inline hear_heartbeat(x) {
    heartbeat[x] = false;
    answered[x] = true;
    silence[x] = WAIT
}

inline hear_answer(x) {
    answered[x] = false;
    lease[x] = (asked[x] > lease[x] -> asked[x] : lease[x])
}

inline give(x) {
    attempt++;
    result = 0;
    open = true;
    owner = x;
    run_owner[attempt] = x;
    run_epoch[attempt] = epoch;
    run_link[attempt] = link_open[x]
}

inline hear_run(x, number) {
    assert(running[0] == 0 && running[1] == 0); /* nobody runs it */
    running[x] = number;
    run_owner[number] = 0;
    run_epoch[number] = 0;
    run_link[number] = 0 /* its number was seen: it is not taken twice */
}

inline lapse(x) {
    link_open[x] = 0;
    if
    :: open && owner == x -> open = false
    :: else
    fi
}

inline finish(x) {
    result = running[x];
    running[x] = 0
}

#ifdef OLD_HELLO
#define NEWER(x, number) (number > link_open[x])
#else
#define NEWER(x, number) (number > heard[x])
#endif
#ifdef NO_ROUND
#define STILL_LEADS(x) (link_open[x] == link[x] || follows[x] < epoch)
#else
#define STILL_LEADS(x) (link_open[x] == link[x] && follows[x] == epoch)
#endif

#define LINKED(x) (link_open[x] > 0)
#define HEARS_HELLO(x, number) \
    (hello_epoch[HELLO(x, number)] == epoch && NEWER(x, number))
#define HEARS_WELCOME(x) (welcome[x] > 0 && welcome[x] == link[x] && follows[x] == welcome_epoch[x])
#define HEARS_RUN(x, number) \
    (run_epoch[number] > 0 && run_owner[number] == x && lease[x] > 0 && OF_LINK(x, number))

active [EXECUTORS] proctype executor() {
    byte x = _pid;
end:
    do
    :: d_step { link[x] < LINKS && follows[x] <= 1 && epoch >= 1 -> say_hello(x, 1) }
    :: d_step { link[x] < LINKS && follows[x] <= 2 && epoch >= 2 -> say_hello(x, 2) }
#if EPOCHS > 2
    :: d_step { link[x] < LINKS && follows[x] <= 3 && epoch >= 3 -> say_hello(x, 3) }
#endif
    :: d_step { HEARS_WELCOME(x) -> hear_welcome(x) }
    :: d_step { welcomed[x] && asked[x] < LEASE -> send_heartbeat(x) }
    :: d_step { answered[x] -> hear_answer(x) }
    :: d_step { HEARS_RUN(x, 1) -> hear_run(x, 1) }
    :: d_step { HEARS_RUN(x, 2) -> hear_run(x, 2) }
#if ATTEMPTS > 2
    :: d_step { HEARS_RUN(x, 3) -> hear_run(x, 3) }
#endif
    :: d_step { running[x] > 0 -> finish(x) }
    od
}

active proctype leaders() {
end:
    do
    :: d_step { true -> tick() }
    :: d_step { epoch < EPOCHS -> elect() }
    :: d_step { HEARS_HELLO(0, 1) -> hear_hello(0, 1) }
    :: d_step { HEARS_HELLO(0, 2) -> hear_hello(0, 2) }
#if LINKS > 2
    :: d_step { HEARS_HELLO(0, 3) -> hear_hello(0, 3) }
#endif
    :: d_step { HEARS_HELLO(1, 1) -> hear_hello(1, 1) }
    :: d_step { HEARS_HELLO(1, 2) -> hear_hello(1, 2) }
#if LINKS > 2
    :: d_step { HEARS_HELLO(1, 3) -> hear_hello(1, 3) }
#endif
    :: d_step { heartbeat[0] && STILL_LEADS(0) -> hear_heartbeat(0) }
    :: d_step { heartbeat[1] && STILL_LEADS(1) -> hear_heartbeat(1) }
    :: d_step { LINKED(0) && silence[0] == 0 -> lapse(0) }
    :: d_step { LINKED(1) && silence[1] == 0 -> lapse(1) }
    :: d_step { open && !LINKED(owner) && orphans == 0 -> open = false }
    :: d_step { open && result == attempt -> open = false }
    :: d_step { !open && attempt < ATTEMPTS && LINKED(0) -> give(0) }
    :: d_step { !open && attempt < ATTEMPTS && LINKED(1) -> give(1) }
    od
}
