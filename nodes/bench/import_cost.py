"""N18: what a program pays to become a client, and what it loads.

Decides the definition: the whole life of an interpreter that does nothing but `from mainspring import Client`,
nothing subtracted; beside it the same without the import, as the floor, and the import alone. It must not know why a
module is loaded.
"""

import json
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from .sizes import Sizes
from .statistics import median

HEAVY = (
    "aiohttp", "apsw", "asyncio", "croniter", "fastapi", "opentelemetry", "prometheus_client", "pydantic", "rich",
    "sqlite3", "sqlite_utils", "ssl", "starlette", "typer", "uvicorn",
)  # fmt: skip
"""What no client needs."""

_PACKAGE = __name__.split(".")[0]
_IMPORT = f"from {_PACKAGE} import Client"
_LOOK = f"""import json, sys, time
begun = time.perf_counter()
{_IMPORT}
took_ms = (time.perf_counter() - begun) * 1000
print(json.dumps([took_ms, sorted(sys.modules)]))"""


def measure(folder: Path, sizes: Sizes) -> dict[str, float]:
    """Returns ms, medians of some interpreters each, and how many modules are loaded that no client needs."""
    folder.mkdir(parents=True, exist_ok=True)
    whole: list[float] = []
    bare: list[float] = []
    alone: list[float] = []
    heavy: list[str] = []
    for _ in range(sizes.imports):
        bare.append(_life_ms(folder, "pass")[0])
        whole.append(_life_ms(folder, _IMPORT)[0])
        took_ms, modules = json.loads(_life_ms(folder, _LOOK)[1])
        alone.append(took_ms)
        heavy = loaded_heavy(modules)
    return {
        "n18": median(whole),
        "n18_bare": median(bare),
        "n18_alone": median(alone),
        "n18_heavy": float(len(heavy)),
    }


def loaded_heavy(modules: list[Any]) -> list[str]:
    """Returns which of the modules are packages that no client needs."""
    return sorted(set(HEAVY) & set(modules))


def _life_ms(folder: Path, code: str) -> tuple[float, str]:
    begun = time.perf_counter()
    done = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True, check=True)
    return (time.perf_counter() - begun) * 1000, done.stdout
