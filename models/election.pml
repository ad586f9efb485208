/* Election and commitment of entries among three members, for Spin.
 *
 * What it says: at most one leader a term; who leads holds every entry that was committed before; a committed entry
 * never changes; the disks of a quorum hold it. It is checked in every order of steps, for up to TERMS terms and two
 * entries, with any number of crashes.
 *
 * The network is a set of facts that stay true: who asked for votes in a term, and what a leader of a term has in its
 * log. Each may reach each member at any time, any number of times, or never; so delay, loss, repetition and disorder
 * need no steps of their own. An answer counts as arrived when the one who asked acts on it, which may be late or
 * never. Disks forget what was not synced. Left out: stickiness, pre-vote and timeouts, for they promise nothing but
 * progress: here everybody may campaign at any moment. Left out, too: disks that lose what was synced, and the debts
 * that keep their members from voting. A debt only takes steps away (a vote, a campaign, an entry that is taken later),
 * so what holds in every order of these steps holds with it. An entry is told by its index and its term alone, for only
 * the leader of that term writes there.
 *
 * Each planted bug must make Spin find a trace: VOTE_LOST (a restart forgets the vote), OLD_TERM_COUNTED (an entry of
 * an older term is committed by counting), SELF_UNSYNCED (a leader counts itself before its own fsync), NO_LOG_CHECK
 * (a vote goes to whoever asks), ALWAYS_CUT (a follower cuts what an old Append does not speak of).
 *
 *     spin -a -DTERMS=4 -DCLIENTS=0 -DOLD_TERM_COUNTED models/election.pml && gcc -O2 -DSAFETY -o pan pan.c && ./pan
 */

#ifndef TERMS
#define TERMS 3
#endif
#ifndef CLIENTS
#define CLIENTS 1 /* 0: a leader adds its first entry and no more */
#endif
#define LENGTH 2
#define MEMBERS 3

#define FOLLOWS 0
#define ASKS 1
#define LEADS 2

#define AT(term, member) ((term) * MEMBERS + (member))
#define ENTRY(who, index) ((who) * LENGTH + (index) - 1)
#define QUORUM(mask) ((mask) == 3 || (mask) >= 5)

/* Of each member: what its disk holds, of which the entries up to `synced` survive a crash. */
byte term[MEMBERS];
bool voted[MEMBERS];
byte last[MEMBERS];
byte synced[MEMBERS];
byte entry[MEMBERS * LENGTH];

/* And what it forgets: who votes for it, and who holds its first and second entry. */
byte role[MEMBERS];
byte votes[MEMBERS];
byte held[MEMBERS * LENGTH];

/* The network. `asked` is 0, or 1 + 8 * (term of the last entry) + (its index) of who asks for votes in a term. */
byte asked[(TERMS + 1) * MEMBERS];
byte leader[TERMS + 1];
byte sent[TERMS + 1];
byte sent_entry[(TERMS + 1) * LENGTH];

/* What was ever committed: the term of the entry at each index, and of the leader that committed it first. */
byte committed[LENGTH];
byte committed_in[LENGTH];

#define LAST_TERM(i) (last[i] == 0 -> 0 : entry[ENTRY(i, last[i])])
#define MARK(i) (1 + 8 * LAST_TERM(i) + last[i])

inline forget(i) {
    role[i] = FOLLOWS;
    votes[i] = 0;
    held[ENTRY(i, 1)] = 0;
    held[ENTRY(i, 2)] = 0
}

/* What nobody can hear any more is taken out of the network, so that fewer states differ. */
inline tidy(t) {
    if
    :: term[0] > t && term[1] > t && term[2] > t ->
        asked[AT(t, 0)] = 0;
        asked[AT(t, 1)] = 0;
        asked[AT(t, 2)] = 0;
        leader[t] = 0;
        sent[t] = 0;
        sent_entry[ENTRY(t, 1)] = 0;
        sent_entry[ENTRY(t, 2)] = 0
    :: else
    fi;
    if
    :: committed_in[0] == t + 1 && term[0] > t && term[1] > t && term[2] > t -> committed_in[0] = 1
    :: else
    fi;
    if
    :: committed_in[1] == t + 1 && term[0] > t && term[1] > t && term[2] > t -> committed_in[1] = 1
    :: else
    fi
}

inline tidy_all() {
    tidy(1);
    tidy(2);
#if TERMS > 3
    tidy(3)
#endif
}

inline adopt(i, t) {
    if
    :: t > term[i] -> term[i] = t; voted[i] = false; forget(i); tidy_all()
    :: else
    fi
}

inline campaign(i) {
    forget(i);
    term[i]++;
    voted[i] = true;
    role[i] = ASKS;
    synced[i] = last[i];
    asked[AT(term[i], i)] = MARK(i);
    votes[i] = 1 << i;
    tidy_all()
}

#ifdef NO_LOG_CHECK
#define UP_TO_DATE(i, t, candidate) true
#else
#define UP_TO_DATE(i, t, candidate) (asked[AT(t, candidate)] >= MARK(i))
#endif

inline answer_vote(i, t, candidate) {
    adopt(i, t);
    if
    :: !voted[i] && UP_TO_DATE(i, t, candidate) ->
        voted[i] = true;
        if
        :: role[candidate] == ASKS && term[candidate] == t -> votes[candidate] = votes[candidate] | (1 << i)
        :: else
        fi
    :: else
    fi;
    synced[i] = last[i]
}

inline add_entry(i) {
    last[i]++;
    entry[ENTRY(i, last[i])] = term[i];
    sent[term[i]] = last[i];
    sent_entry[ENTRY(term[i], last[i])] = term[i]
}

#define COMPLETE(i, index) \
    (committed[index - 1] == 0 || committed_in[index - 1] > term[i] \
     || (last[i] >= index && entry[ENTRY(i, index)] == committed[index - 1]))

inline lead(i) {
    assert(leader[term[i]] == 0 || leader[term[i]] == i + 1); /* one leader a term */
    assert(COMPLETE(i, 1) && COMPLETE(i, 2)); /* it holds what leaders before it have committed */
    forget(i);
    role[i] = LEADS;
    leader[term[i]] = i + 1;
    sent[term[i]] = last[i];
    sent_entry[ENTRY(term[i], 1)] = entry[ENTRY(i, 1)];
    sent_entry[ENTRY(term[i], 2)] = entry[ENTRY(i, 2)];
    sync(i);
    if
    :: last[i] < LENGTH -> add_entry(i)
    :: else
    fi
}

inline sync(i) {
    synced[i] = last[i];
    if
    :: last[i] >= 1 -> held[ENTRY(i, 1)] = held[ENTRY(i, 1)] | (1 << i)
    :: else
    fi;
    if
    :: last[i] >= 2 -> held[ENTRY(i, 2)] = held[ENTRY(i, 2)] | (1 << i)
    :: else
    fi
}

inline cut(i, from) {
    last[i] = from - 1;
    if
    :: from <= 1 -> entry[ENTRY(i, 1)] = 0
    :: else
    fi;
    entry[ENTRY(i, 2)] = 0
}

inline take(i, t, index) {
    if
    :: last[i] >= index && entry[ENTRY(i, index)] != sent_entry[ENTRY(t, index)] -> cut(i, index)
    :: else
    fi;
    if
    :: last[i] < index -> last[i] = index; entry[ENTRY(i, index)] = sent_entry[ENTRY(t, index)]
    :: else
    fi
}

#define LEADER(t) (leader[t] - 1)
#define FITS_BEHIND(i, t, prev) \
    (prev == 0 || (last[i] >= 1 && entry[ENTRY(i, 1)] == sent_entry[ENTRY(t, 1)]))

/* An Append of term t: behind entry `prev` those up to `to`; they are durable before it is acknowledged. */
inline follow(i, t, prev, to) {
    adopt(i, t);
    forget(i);
    if
    :: FITS_BEHIND(i, t, prev) ->
        if
        :: prev < 1 && to >= 1 -> take(i, t, 1)
        :: else
        fi;
        if
        :: to >= 2 -> take(i, t, 2)
        :: else
        fi;
#ifdef ALWAYS_CUT
        if
        :: last[i] > to -> cut(i, to + 1)
        :: else
        fi;
#endif
        if
        :: to >= 1 && role[LEADER(t)] == LEADS && term[LEADER(t)] == t ->
            held[ENTRY(LEADER(t), 1)] = held[ENTRY(LEADER(t), 1)] | (1 << i);
            if
            :: to >= 2 -> held[ENTRY(LEADER(t), 2)] = held[ENTRY(LEADER(t), 2)] | (1 << i)
            :: else
            fi
        :: else
        fi
    :: else
    fi;
    synced[i] = last[i]
}

#ifdef SELF_UNSYNCED
#define COUNTED(i, index) (held[ENTRY(i, index)] | (1 << i))
#else
#define COUNTED(i, index) held[ENTRY(i, index)]
#endif
#ifdef OLD_TERM_COUNTED
#define OF_TERM(i, index) true
#else
#define OF_TERM(i, index) (entry[ENTRY(i, index)] == term[i])
#endif
#define MAY_COMMIT(i, index) \
    (role[i] == LEADS && last[i] >= index && OF_TERM(i, index) && QUORUM(COUNTED(i, index)) \
     && (committed[index - 1] != entry[ENTRY(i, index)] || committed_in[index - 1] > term[i]))
#define ON_DISK(j, index, of) (synced[j] >= index && entry[ENTRY(j, index)] == of)

inline note(i, index) {
    assert(committed[index - 1] == 0 || committed[index - 1] == entry[ENTRY(i, index)]); /* it never changes */
    committed[index - 1] = entry[ENTRY(i, index)];
    if
    :: committed_in[index - 1] == 0 || committed_in[index - 1] > term[i] -> committed_in[index - 1] = term[i]
    :: else
    fi;
    assert(ON_DISK(0, index, committed[index - 1]) + ON_DISK(1, index, committed[index - 1])
           + ON_DISK(2, index, committed[index - 1]) >= 2)
}

inline commit(i, index) {
    if
    :: index == 2 -> note(i, 1)
    :: else
    fi;
    note(i, index);
    tidy_all()
}

inline crash(i) {
    forget(i);
    if
    :: last[i] > synced[i] -> cut(i, synced[i] + 1)
    :: else
    fi;
#ifdef VOTE_LOST
    voted[i] = false;
#endif
}

/* A step that would change nothing is none. The first to campaign is member 0: the others are only named otherwise. */
#define MAY_ASK(i) (role[i] != LEADS && term[i] < TERMS && (i == 0 || term[0] + term[1] + term[2] > 0))
#ifdef VOTE_LOST
#define MAY_CRASH(i) (role[i] != FOLLOWS || voted[i])
#else
#define MAY_CRASH(i) (role[i] != FOLLOWS || synced[i] < last[i])
#endif
#define HEARS_OF_VOTE(i, t, c) \
    (c != i && asked[AT(t, c)] > 0 && (t > term[i] || (t == term[i] && !voted[i] && UP_TO_DATE(i, t, c))))
#define HEARS_APPEND(i, t, to) (leader[t] > 0 && leader[t] != i + 1 && t >= term[i] && to <= sent[t])

#define VOTE_OF(t) \
    :: d_step { HEARS_OF_VOTE(i, t, 0) -> answer_vote(i, t, 0) } \
    :: d_step { HEARS_OF_VOTE(i, t, 1) -> answer_vote(i, t, 1) } \
    :: d_step { HEARS_OF_VOTE(i, t, 2) -> answer_vote(i, t, 2) }
#define APPEND_OF(t) \
    :: d_step { HEARS_APPEND(i, t, 0) -> follow(i, t, 0, 0) } \
    :: d_step { HEARS_APPEND(i, t, 1) -> follow(i, t, 0, 1) } \
    :: d_step { HEARS_APPEND(i, t, 2) -> follow(i, t, 0, 2) } \
    :: d_step { HEARS_APPEND(i, t, 2) -> follow(i, t, 1, 2) }

active [MEMBERS] proctype member() {
    byte i = _pid;
end:
    do
    :: d_step { MAY_ASK(i) -> campaign(i) }
    :: d_step { role[i] == ASKS && QUORUM(votes[i]) -> lead(i) }
#if CLIENTS
    :: d_step { role[i] == LEADS && last[i] < LENGTH -> add_entry(i) }
#endif
    :: d_step { role[i] == LEADS && synced[i] < last[i] -> sync(i) }
    :: d_step { MAY_COMMIT(i, 1) -> commit(i, 1) }
    :: d_step { MAY_COMMIT(i, 2) -> commit(i, 2) }
    :: d_step { MAY_CRASH(i) -> crash(i) }
    VOTE_OF(1)
    APPEND_OF(1)
    VOTE_OF(2)
    APPEND_OF(2)
    VOTE_OF(3)
    APPEND_OF(3)
#if TERMS > 3
    VOTE_OF(4)
    APPEND_OF(4)
#endif
    od
}
