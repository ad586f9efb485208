"""The reference page tells every setting."""

import re

from mainspring.nodes.settings.faults import fields_by_key, sections
from mainspring.nodes.settings.reference import page
from mainspring.nodes.settings.wanted import sections_in


def test_every_section_and_key_is_described() -> None:
    """Each table must have its heading, and each key a row with no empty description."""
    text = page()
    for header, model in sections():
        assert f"\n## `{header}`\n" in text
        for key, field in fields_by_key(model).items():
            if sections_in(field.annotation) is None:
                assert re.search(rf"^\| `{key}` \| [^|]+ \| [^|]* \| [^|]+ \| [^|]+\. \|$", text, re.MULTILINE), key


def test_units_follow_the_names() -> None:
    """The unit that a name ends in must stand in the row, also before a `_max`."""
    rows = dict(re.findall(r"^\| `(\w+)` \| [^|]+ \| (\w*) +\|", page(), re.MULTILINE))
    assert rows["lease_ttl_ms"] == "milliseconds"
    assert rows["finished_age_s"] == "seconds"
    assert rows["payload_bytes_max"] == "bytes"
    assert rows["shards"] == ""
