"""The vocabulary of the protocol, pure: ids, messages, errors and the codec."""
