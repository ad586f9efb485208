"""Prints the pages of docs/ that are made from code, and tells when one has drifted from it."""
