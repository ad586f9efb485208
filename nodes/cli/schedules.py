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


app.command("list", short_help="List schedules, with the next time of each.")(schedule_list.command)
app.command("show", short_help="Show everything about one schedule.")(schedule_show.command)
app.command("ticks", short_help="Show what became of a schedule's times, and why.")(schedule_ticks.command)
app.command("add", short_help="Define a schedule, or define it anew.")(schedule_add.command)
app.command("pause", short_help="Pause schedules.")(schedule_acts.pause)
app.command("resume", short_help="Let paused schedules go on, from now.")(schedule_acts.resume)
app.command("run", short_help="Make a job of a schedule now.", cls=schedule_acts.RunCommand)(schedule_acts.run)
app.command("remove", short_help="Remove schedules; jobs that they have made go on.")(schedule_acts.remove)
app.command("apply", short_help="Apply a file of schedules as a whole.")(schedule_apply.command)
app.command("lint", short_help="Check files of schedules.")(schedule_lint.command)
