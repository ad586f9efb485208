"""The executor: which runner child runs what, and what the coordinator hears of it."""
