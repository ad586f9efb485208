"""Runner children: the processes that run users' handlers, and the parent's end of each."""
