"""config/prometheus-rules.yml: its expressions use metrics and labels that a node has, its links lead somewhere."""

import re
from pathlib import Path

import pytest

from mainspring.nodes.metrics.families import FAMILIES

ROOT = Path(__file__).parents[3]
RULES = (ROOT / "config" / "prometheus-rules.yml").read_text("utf-8")
EXPRESSIONS = re.findall(r"^ +expr: (.+)$", RULES, re.MULTILINE)
LINKS = re.findall(r'^ +runbook: "(.+)"$', RULES, re.MULTILINE)

OF_HISTOGRAMS = ("_bucket", "_sum", "_count")
GRAMMAR = {"absent", "and", "by", "histogram_quantile", "increase", "on", "or", "rate", "sum", "unless"}
"""Words of PromQL that the rules may use; one that is missing here is to be added."""


def names_in(expression: str) -> set[str]:
    """Returns the metrics of an expression: what is neither grammar, nor a label, nor a value."""
    bare = re.sub(r'"[^"]*"|\[\w+\]|\{[^}]*\}|\b(by|on)\s*\([^)]*\)|\b\d[\w.]*', " ", expression)
    return set(re.findall(r"[a-z_]\w*", bare)) - GRAMMAR


def labels_in(expression: str) -> set[str]:
    """Returns the labels that an expression chooses or groups by."""
    lists = re.findall(r"\b(?:by|on)\s*\(([^)]*)\)", expression)
    chosen = re.findall(r"(\w+)\s*=~?", " ".join(re.findall(r"\{([^}]*)\}", expression)))
    return {label.strip() for each in lists for label in each.split(",")} | set(chosen)


def family_of(name: str) -> str:
    """Returns the metric that a series belongs to: a histogram has several."""
    for ending in OF_HISTOGRAMS:
        bare = name.removesuffix(ending)
        if bare in FAMILIES and FAMILIES[bare].type == "histogram":
            return bare
    return name


def test_every_rule_was_read() -> None:
    """Each alert has one expression on its line, and one link."""
    alerts = RULES.count("- alert: ")
    assert alerts == len(EXPRESSIONS) == len(LINKS) > 0


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_an_expression_uses_what_a_node_exports(expression: str) -> None:
    """An alert on a name that nobody exports is silent for ever."""
    families = {family_of(name) for name in names_in(expression)}
    assert families
    assert families <= FAMILIES.keys()
    known = {"le", "shard"}.union(*(FAMILIES[name].labels for name in families))
    assert labels_in(expression) <= known


def test_names_and_labels_are_told_from_grammar() -> None:
    """The readers above must not overlook a name."""
    expression = 'sum by (le, task) (rate(nix_seconds_bucket{state="a b"}[5m])) > 5e3 and on (shard) other == 1'
    assert names_in(expression) == {"nix_seconds_bucket", "other"}
    assert labels_in(expression) == {"le", "task", "state", "shard"}


@pytest.mark.parametrize("link", sorted(set(LINKS)))
def test_a_link_leads_to_a_section_of_the_runbook(link: str) -> None:
    """Who is woken up must not land at the top of the page."""
    page, _, anchor = link.partition("#")
    titles = re.findall(r"^## (.+)$", (ROOT / page).read_text("utf-8"), re.MULTILINE)
    assert anchor in {title.lower().replace(" ", "-") for title in titles}
