"""The bodies: settings, processes, storage, runners, supervision and the command line."""
