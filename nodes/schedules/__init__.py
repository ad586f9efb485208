"""The file of schedules: what it may say, how it is read, and how a node keeps to it."""
