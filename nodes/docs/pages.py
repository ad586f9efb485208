"""Decides which pages of docs/ are printed, and by which function.

It must not know what stands on a page. Whoever prints another one adds a line to the table.
The rule that reference pages are printed from code is the design map's, section 2.
"""

from collections.abc import Callable

from . import bounds, commands, configuration, lifecycle, lifecycle_figure, log_format, metrics, protocol

PAGES: dict[str, Callable[[], str]] = {
    "bounds.md": bounds.printed,
    "cli.md": commands.printed,
    "configuration.md": configuration.printed,
    "lifecycle.md": lifecycle.printed,
    "lifecycle.svg": lifecycle_figure.printed,
    "log-format.md": log_format.printed,
    "metrics.md": metrics.printed,
    "protocol.md": protocol.printed,
}
"""Path inside docs/ -> the function that prints the page, ending in a line feed."""
