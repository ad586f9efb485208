"""The peer that pip alone installs: huey on SQLite, enqueue, drain and start latency, in the same run.

Decides fair settings: two worker processes, as our two executors; results kept; the consumer looks for work every
100 ms at the most, its documented first wait. Nothing that huey does is on disk before it answers (its default), so
the comparison favours it. The drain's clock runs from the first result that is seen to the last.
"""

import importlib.util
import os
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

from ..cli.errors import CommandError
from .huey_client import FILE_VARIABLE
from .sizes import Sizes

WORKERS = 2
LOOK_EVERY_S = 0.02
PATIENCE_S = 120.0
