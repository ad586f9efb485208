"""Schedules: records of what is to run when, and what became of each of their instants."""
