"""The weather: a simulated world around the real machines, its faults and its invariants."""
