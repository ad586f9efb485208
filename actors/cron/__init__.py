"""The calendar: cron expressions, time zones, and the instants that they name.

`expression` reads a text, `fields` its fields, `days` and `clock` find matching days and times of day, `zones` knows
where a zone's offset changes, `walk` goes from wall times to instants, `every` counts periods, and `calendar` is what
others use. Importing any of these costs little: croniter and zoneinfo are loaded when a calendar first needs them.
"""
