"""Runs the command line program as `python -m mainspring`.

It decides nothing and knows only where the program starts; the subcommands live in `nodes/cli`.
"""

from .nodes.cli import main

if __name__ == "__main__":
    main()
