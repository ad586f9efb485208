"""Drills: real nodes in processes and namespaces of their own, real faults, and a check of all that came of them."""
