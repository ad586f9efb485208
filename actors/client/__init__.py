"""The client session: sends each submit once, however often the wire makes it repeat."""
