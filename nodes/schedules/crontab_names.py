"""Names for what a crontab runs: readable, and the same again when the file is read again.

Decides which word of a command line says most. It must not know files or schedules. Rule: a name is made of letters,
digits and dashes; of lines that would have the same one, all but the first get four digits of a hash behind it, so
that a line added below changes no name.
"""

import re
import shlex
from collections.abc import Iterable
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Final

NAME_CHARS_MAX: Final = 48
"""Without the digits of the hash."""

_INTERPRETERS: Final = re.compile(r"(?:python|perl|ruby|php|node|bash|sh|dash|zsh|ksh|java)[0-9.]*")
_WRAPPERS: Final[dict[str, tuple[str, int]]] = {
    "chronic": ("", 0), "command": ("", 0), "env": ("uCS", 0), "exec": ("a", 0), "flock": ("wE", 1), "nohup": ("", 0),
    "ionice": ("cnp", 0), "nice": ("n", 0), "setsid": ("", 0), "sudo": ("ugCDhpRT", 0), "time": ("fo", 0),
    "timeout": ("ks", 1),
}  # fmt: skip
"""What runs another command -> the letters of its options that take a word, and how many plain words it takes."""
_PASSED_OVER: Final = frozenset(
    {"cd", "test", "[", "[[", "export", "true", ":", "sleep", "umask", ".", "source", "set", "ulimit", "exit", "fi"}
)
_KEYWORDS: Final = frozenset({"!", "if", "then", "elif", "else", "while", "until", "do"})
_SCRIPT = re.compile(r"\.(?:sh|bash|py|pl|php|rb|js|cron|exe|jar)")
_SUBSTITUTION = re.compile(r"\$\([^()]*\)|`[^`]*`")
_BREAKS = re.compile(r"(&&|\|\||;|\||\(|\)|\{|\}|&|\n)")


def program_of(command: str) -> str:
    """Returns a name for what a shell's command line runs, not unique."""
    parts = list(_parts(_SUBSTITUTION.sub("x", command)))
    found = next((name for part in parts if (name := _of_words(part))), "")
    first = next((part[0] for part in parts if part), "")
    return found or cleaned(_stem(PurePosixPath(first).name)) or "command"


def unique(wanted: str, told: Iterable[str], taken: Iterable[str]) -> str:
    """Returns a name that is not taken: the wanted one, or one with digits that depend on what it stands for.

    Args:
        wanted: the name.
        told: texts that tell two things of that name apart.
        taken: names that are not to be had.
    """
    used, name, text = set(taken), wanted, "\0".join(told)
    while name in used:
        text = sha256(text.encode()).hexdigest()
        name = f"{wanted}-{text[:4]}"
    return name


def cleaned(text: str) -> str:
    """Makes a name out of any text, one that begins with a letter; empty if nothing is left."""
    name = re.sub(r"[^A-Za-z0-9_]+", "-", text).strip("-_").lower()
    name = f"run-{name}" if name[:1].isdecimal() else name
    return name[:NAME_CHARS_MAX].strip("-_")


def _parts(command: str) -> Iterable[list[str]]:
    """Yields the words of the simple commands of a line; what no shell could read is split at blanks."""
    lexer = shlex.shlex(command, posix=True, punctuation_chars="();<>|&{}\n")
    lexer.whitespace_split = True
    lexer.commenters = ""
    try:
        words = list(lexer)
    except ValueError:
        words = command.split()
    part: list[str] = []
    for word in words:
        if _BREAKS.fullmatch(word) or re.fullmatch(r"[();|&{}]+", word):
            yield part
            part = []
        else:
            part.append(word)
    yield part


def _of_words(words: list[str]) -> str:
    """Names one simple command; empty if it is only there for another one."""
    while words and (words[0] in _KEYWORDS or re.fullmatch(r"\w+=.*", words[0], re.DOTALL)):
        words = words[1:]
    if not words or words[0] in _PASSED_OVER:
        return ""
    name, rest = PurePosixPath(words[0]).name, words[1:]
    if name in _WRAPPERS:
        return _of_words(_behind(rest, *_WRAPPERS[name]))
    if _INTERPRETERS.fullmatch(name):
        return _script(rest)
    if name == "run-parts":
        folder = next((word for word in rest if not word.startswith("-")), "")
        return cleaned(PurePosixPath(folder).name) or name
    if _SCRIPT.search(name):
        return _with_subcommand(cleaned(_stem(name)), rest)
    return cleaned(name)


def _behind(words: list[str], with_word: str, plain: int) -> list[str]:
    """Takes the options of a wrapper and its plain words away."""
    while words:
        if len(words[0]) == 2 and words[0][0] == "-" and words[0][1] in with_word:
            words = words[2:]
        elif words[0].startswith("-") or re.fullmatch(r"\w+=.*", words[0], re.DOTALL):
            words = words[1:]
        elif plain:
            words, plain = words[1:], plain - 1
        else:
            break
    return words


def _script(words: list[str]) -> str:
    """Names what an interpreter runs: its script or module; empty for a program on the command line."""
    for place, word in enumerate(words):
        rest = words[place + 1 :]
        if word == "-m" and rest:
            return _with_subcommand(cleaned(rest[0]), rest[1:])
        if word == "-c" and rest:
            return program_of(rest[0])
        if word in ("-e", "-r"):
            return ""
        if not word.startswith("-"):
            return _with_subcommand(cleaned(_stem(PurePosixPath(word).name)), rest)
    return ""


def _with_subcommand(name: str, words: list[str]) -> str:
    if name and words and re.fullmatch(r"[a-z][a-z0-9_:-]{1,31}", words[0]):
        return cleaned(f"{name}-{words[0]}")
    return name


def _stem(name: str) -> str:
    return _SCRIPT.sub("", name) or name
