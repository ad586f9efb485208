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


app.command("status")(cluster_status.command)
app.command("add")(cluster_acts.add)
app.command("remove")(cluster_acts.remove)
app.command("replace")(cluster_acts.replace)
app.command("transfer")(cluster_acts.transfer)
app.command("drain")(cluster_acts.drain)
app.command("grow")(cluster_grow.command)
