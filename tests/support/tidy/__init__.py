"""The house rules as functions over source text; test_tidy_rules.py tests them on planted faults."""
