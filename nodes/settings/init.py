"""Decides what `mainspring init DIR` writes: commented settings files, a module of tasks, a file of schedules.

It must not know what the samples say: they are the files of config/, which come with the package.
The rule that nothing of a user's is ever overwritten is the command's promise.
"""

from collections.abc import Mapping
from importlib import resources
from pathlib import Path

from .errors import Fault, SettingsError

_COMMON = {"tasks.py": "tasks.py", "schedules.toml": "schedules.toml"}
SAMPLES = {"node.toml": "single-node.toml", **_COMMON}
"""File that is written -> the file of config/ that it is copied from."""

THREE_NODES = {**{f"{name}.toml": f"three-nodes/{name}.toml" for name in "abc"}, **_COMMON}
"""The same for a cluster of three."""


def write_samples(directory: Path | str, samples: Mapping[str, str] = SAMPLES) -> list[Path]:
    """Writes the samples into a folder, which is made if it is not there.

    Args:
        directory: The folder.
        samples: SAMPLES, or THREE_NODES.

    Returns:
        The files written.

    Raises:
        SettingsError: A file of such a name exists (then nothing is written), or the folder is not writable.
    """
    folder = Path(directory)
    paths = {folder / name: _sample(source) for name, source in samples.items()}
    if taken := [path for path in paths if path.exists() or path.is_symlink()]:
        it, exist = ("it", "exists") if len(taken) == 1 else ("them", "exist")
        text = f"{exist} already, and nothing is overwritten: move {it} away, or name another folder"
        raise SettingsError([_fault(", ".join(map(str, taken)), text)])
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, content in paths.items():
            with path.open("xb") as file:  # "x": a file made in the meantime is not overwritten either
                file.write(content)
    except OSError as error:
        text = f"cannot write here ({error.strerror}): name a folder that this user may write to"
        raise SettingsError([_fault(folder, text)]) from error
    return list(paths)


def _sample(name: str) -> bytes:
    package = __name__.partition(".")[0]
    return resources.files(package).joinpath("config", *name.split("/")).read_bytes()


def _fault(path: Path | str, text: str) -> Fault:
    return Fault(str(path), None, None, "", None, text)
