"""Decides how the printed pages learn what a constant means: by the text that stands below it in the source.

It must not know any constant. Python keeps the docstrings of classes and functions but not those of constants, so the
source is read once more. The rule that reference pages are printed from code is the design map's, section 2.
"""

import ast
import inspect
from itertools import pairwise
from types import ModuleType

from .markdown import flat


def notes(module: ModuleType) -> dict[str, str]:
    """Returns constant -> the text below it, for every constant of a module that has one, in order."""
    found: dict[str, str] = {}
    for before, after in pairwise(ast.parse(inspect.getsource(module)).body):
        name = _assigned(before)
        if name and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            found[name] = flat(str(after.value.value))
    return found


def _assigned(statement: ast.stmt) -> str:
    targets = statement.targets if isinstance(statement, ast.Assign) else []
    return targets[0].id if len(targets) == 1 and isinstance(targets[0], ast.Name) else ""
