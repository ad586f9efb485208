"""The brain: deterministic machines that decide. No clock, no sockets, no SQL, no threads, no chance, no logging."""
