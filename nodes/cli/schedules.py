"""`mainspring schedules`: lists schedules, shows one, changes them, and checks files of them.

Decides which subcommands there are; each has a file of its own. Without a subcommand the schedules are listed.
"""

import typer

from . import schedule_acts, schedule_add, schedule_apply, schedule_lint, schedule_list, schedule_show, schedule_ticks

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="List, change and check schedules.",
)


@app.callback(invoke_without_command=True)
def _group(ctx: typer.Context) -> None:
    """List, change and check schedules; alone, it lists them."""
    if ctx.invoked_subcommand is None:
        schedule_list.command()


app.command("list")(schedule_list.command)
app.command("show")(schedule_show.command)
app.command("ticks")(schedule_ticks.command)
app.command("add")(schedule_add.command)
app.command("pause")(schedule_acts.pause)
app.command("resume")(schedule_acts.resume)
app.command("run", cls=schedule_acts.RunCommand)(schedule_acts.run)
app.command("remove")(schedule_acts.remove)
app.command("apply")(schedule_apply.command)
app.command("lint")(schedule_lint.command)
