"""What a node's TOML file may say, and how it is read: see `load.load` and `load.default`."""
