"""What a drill leaves behind: a JSON file, one HTML page with the picture, and the evidence.

Decides the files of a report's folder: report.json, report.html, the clients' history, what handlers wrote down, and
the nodes' logs. Must not know how anything was measured.
"""

import json
import shutil
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from .cluster import Cluster
from .measures import Traces
from .picture import drawn
from .scene import Mark
from .table import HEADINGS, Result, cells

_STYLE = (
    "body{font:15px sans-serif;color:#1f2937;max-width:1000px;margin:2em auto}"
    "table{border-collapse:collapse}td,th{border-bottom:1px solid #e5e7eb;padding:.25em .8em .25em 0;text-align:left}"
    ".clean{color:#047857}.violated{color:#b91c1c}svg{max-width:100%;height:auto}"
)


def write(folder: Path, result: Result, found: Traces, marks: Sequence[Mark]) -> None:
    """Writes report.json and report.html.

    Args:
        folder: is there.
        result: of the drill.
        found: what the picture is drawn from.
        marks: the rounds.
    """
    start_ns = found.acks[0][0] if found.acks else marks[0].begun_ns if marks else 0
    rounds = [
        {
            "fault": mark.text,
            "begun_s": (mark.begun_ns - start_ns) / 1e9,
            "healed_s": (mark.healed_ns - start_ns) / 1e9 if mark.healed_ns else None,
            "whole_s": (mark.over_ns - start_ns) / 1e9 if mark.over_ns else None,
        }
        for mark in marks
    ]
    whole: dict[str, Any] = {**result.as_dict(), "marks": rounds}
    (folder / "report.json").write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
    (folder / "report.html").write_text(_page(result, drawn(found, marks, result.title), rounds), encoding="utf-8")


def keep_evidence(cluster: Cluster, folder: Path) -> None:
    """Copies what the verdict rests on out of the cluster's folder, before that goes."""
    for node in cluster.nodes.values():
        if node.log.exists():
            shutil.copyfile(node.log, folder / f"{node.name}.log")
    for name in ("history.jsonl", "runs"):
        source = cluster.folder / name
        if source.is_dir():
            shutil.copytree(source, folder / name, dirs_exist_ok=True)
        elif source.exists():
            shutil.copyfile(source, folder / name)


def _page(result: Result, picture: str, rounds: Sequence[dict[str, Any]]) -> str:
    verdict = "clean" if result.is_clean else "violated"
    told = "".join(f"<li>{escape(text)}</li>" for text in result.verdict["told"])
    notes = "".join(f"<li>{escape(text)}</li>" for text in result.notes)
    summary = "".join(
        f"<tr><th>{escape(name)}</th><td>{escape(cell)}</td></tr>"
        for name, cell in zip(HEADINGS, cells(result), strict=True)
    )
    lines = "".join(
        f"<tr><td>{at}</td><td>{row['begun_s']:.2f} s</td><td>{_s(row['healed_s'])}</td><td>{_s(row['whole_s'])}</td>"
        f"<td>{escape(row['fault'])}</td></tr>"
        for at, row in enumerate(rounds, 1)
    )
    return (
        f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(result.name)}</title>'
        f"<style>{_STYLE}</style>\n<h1>{escape(result.name)}: <span class={verdict}>{verdict}</span></h1>\n"
        f"<p>{escape(result.title)}</p>\n{picture}\n<ul class=violated>{told}</ul>\n<table>{summary}</table>\n"
        f"<ul>{notes}</ul>\n<h2>Rounds</h2>\n<table><tr><th>round</th><th>began</th><th>undone</th><th>whole again</th>"
        f"<th>fault</th></tr>{lines}</table>\n</html>\n"
    )


def _s(seconds: float | None) -> str:
    return "" if seconds is None else f"{seconds:.2f} s"
