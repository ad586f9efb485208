"""A disk that can lose power: what SQLite and the log write, and what of it would survive."""
