"""`mainspring cluster`: shows a cluster, and changes who is a member and who leads.

Decides which subcommands there are; alone, it shows the status.
"""

import typer

from . import cluster_acts, cluster_grow, cluster_status
from .connection import Url
from .output import Json

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Show the members of a cluster, and change them; alone, it shows the status.",
)


@app.callback(invoke_without_command=True)
def _group(ctx: typer.Context, url: Url = None, json: Json = False) -> int:
    """Show the members of a cluster, and change them; alone, it shows the status."""
    if ctx.invoked_subcommand is None:
        return cluster_status.command(url, json)
    if url is not None or json:
        raise typer.BadParameter(f"give --url and --json behind `{ctx.invoked_subcommand}`")
    return 0


app.command("status", short_help="Show members, leaders, and what is wrong.")(cluster_status.command)
app.command("add", short_help="Take a node in.")(cluster_acts.add)
app.command("remove", short_help="Take a member out.")(cluster_acts.remove)
app.command("replace", short_help="Put a node in the place of a member.")(cluster_acts.replace)
app.command("transfer", short_help="Let a member lead a shard, or all of them.")(cluster_acts.transfer)
app.command("drain", short_help="Let others lead what a member leads.")(cluster_acts.drain)
app.command("grow", short_help="Take the nodes of files in, and wait until they vote.")(cluster_grow.command)
