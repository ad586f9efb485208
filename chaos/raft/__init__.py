"""The raft engine alone, under weather: the real RaftLog over disks, clocks and a network that a seed decides.

Here nothing is known of jobs. `bag` delivers any message at any moment in any order; `timed` has delays, cuts, pauses
and slow disks, and asks for progress once they are over; `scripts` are the few cases that chance hardly meets. What
must never happen is written once, in witness.py, and every planted bug in mutants.py must be noticed by one of them.
"""
