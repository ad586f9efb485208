"""Timers: what falls due when, to the millisecond, without a clock of its own."""
