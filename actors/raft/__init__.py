"""Replication by a quorum: one Raft group a shard, all groups of a process in one engine (engine.py).

Decides who leads a group, what its log holds and what of it is committed. It knows nothing of what entries mean but its
own, no clock, no socket and no disk: messages and times come in, messages go out, and an EntryStore keeps what has to
be kept. Rule: Ongaro, "Consensus: Bridging Theory and Practice" (2014), with pre-vote (9.6), read index (6.4), leader
transfer (3.10) and changes of one voter at a time (4.1); docs/design.md, "Replication and election".
"""
