"""Makes the golden log of entry version 1: `python tests/golden/make_entries_1.py`. It was run once.

Writes entries_1.hex (a line an entry, as the log holds it) and entries_1.json (what a shard file shows after them). The
ops are written out as numbers: a change of the vocabulary must not change them. Columns that come later are not in the
expected rows; nothing else may differ.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import msgpack

FOLDER = Path(__file__).parent
sys.path.insert(0, str(FOLDER.parent / "support"))

from golden_rows import shown  # noqa: E402 - the line above leads there

T = 1_700_000_000_000
ID = 3 << 40

NIGHTLY = [
    *("nightly", "acme", "slow", "shop.report", '{"kwargs":{"day":"today"}}', -5, [5, 10], 900, "0 2 * * *"),
    *(
        "Europe/Zurich",
        "both",
        "skip",
        T,
        T + 10**10,
        5000,
        "all",
        7200000,
        30000,
        "buffer_one",
        1000,
        True,
        "Zürich ☃",
    ),
]
OFTEN = [
    *("often", "default", "mail", "shop.send_email", "[]", 0, None, None, "@every 10s"),
    *("UTC", "first", "shift", None, None, 0, "latest", 3600000, 60000, "buffer_one", None, None, None),
]
AT_BOOT = [
    *("at-boot", "default", "mail", "shop.send_email", "[]", 0, None, None, "@reboot"),
    *("UTC", "last", "shift", None, None, 0, "skip", 3600000, 60000, "skip", None, False, None),
]

LOG: list[list[Any]] = [
    [7, T, [[0]]],
    [
        7,
        T,
        [
            [1, [[1, "default", "mail", 0, "shop.send_email"], [2, "acme", "slow", -5, "shop.report"]]],
            [2, [[1, "node-1", "executor-1"], [2, "node-2", "executor-1"]]],
            [
                3,
                [
                    ["shop.send_email", "asyncio", "mail", [3, 1000, 2.0, 60000, 0.1], 30000, 0],
                    ["shop.report", "process", "slow", [0], None, -5],
                ],
            ],
        ],
    ],
    [
        7,
        T + 10,
        [
            [
                4,
                501,
                1,
                0,
                ID + 1,
                [
                    [1, '{"args":["a@example.org"]}', T + 10, None, None, None, None, None, None, None, None],
                    [1, "{}", T + 60000, T + 60000, "welcome", [5, 10], 900, None, "00-ab-cd-01", T + 86400000, None],
                    [2, '{"text":"Zürich ☃"}', T + 10, None, "report", None, None, T + 5000, None, T + 100, T + 90000],
                    [1, "[]", T + 10, None, None, None, None, None, None, None, None],
                    [1, "[]", T + 20, T + 20, None, None, None, None, None, None, None],
                    [1, "[]", T + 10, None, None, None, None, None, None, None, None],
                    [2, "[]", T + 10, None, None, None, None, None, None, None, None],
                ],
                [],
            ],
            [5, 1, 99, [ID + 1, ID + 4, ID + 6], [1, 1, 1]],
        ],
    ],
    [
        7,
        T + 20,
        [[4, 501, 2, 1, ID + 8, [], [[0, ID + 2]]], [4, 502, 1, 0, ID + 8, [[1, "1", T + 20, None] + [None] * 7], []]],
    ],
    [7, T + 30, [[6, 1, [[ID + 1, 1, 1, 10, T + 10, T + 12, T + 25, '{"sent":1}', None, None, None, 0, 0, None]]]]],
    [
        7,
        T + 40,
        [
            [
                6,
                1,
                [
                    [
                        ID + 4,
                        1,
                        2,
                        4,
                        T + 10,
                        T + 13,
                        T + 26,
                        None,
                        "no such host",
                        "ConnectionError",
                        T + 1040,
                        1,
                        0,
                        None,
                    ]
                ],
            ],
            [11, 4, [[ID + 6, 1, 7, 3, 1, 99, T + 10]]],
        ],
    ],
    [8, T + 1500, [[10, [ID + 4, ID + 5]], [8, [ID + 6], 12], [7, [ID + 8], 12]]],
    [8, T + 6000, [[9, [ID + 3]], [5, 2, 42, [ID + 4, ID + 5, ID + 7], [2, 1, 1]]]],
    [
        8,
        T + 6100,
        [
            [
                6,
                2,
                [
                    [
                        ID + 4,
                        2,
                        3,
                        11,
                        T + 1040,
                        T + 6010,
                        T + 6090,
                        None,
                        "timed out",
                        "Timeout",
                        None,
                        2,
                        0,
                        "connecting …\n",
                    ],
                    [ID + 5, 1, 4, 4, T + 20, T + 6011, None, None, "killed by signal 9", "Crash", None, 0, 1, None],
                    [ID + 7, 1, 7, 2, T + 10, None, None, None, None, None, None, 0, 0, None],
                ],
            ],
            [
                6,
                1,
                [[ID + 6, 1, 5, 12, T + 10, T + 14, T + 6080, None, "asked to stop", "Cancelled", None, 0, 0, None]],
            ],
        ],
    ],
    [
        8,
        T + 6150,
        [
            [7, [ID + 7], 12],
            [22, [[ID + 4, 1], [ID + 7, 2]]],
            [23, [[ID + 6, 1]], 15],
            [19, [["ops@example.org", "job retried", "3-4", "dead", "ready", "the host is back"]]],
        ],
    ],
    [8, T + 6200, [[14, T + 101], [12, [502]]]],
    [8, T + 6300, [[13, "mail", [], T + 31, 1000, 100]]],
    [8, T + 6400, [[13, None, ["web"], 0, 2, 1]]],
    [
        8,
        T + 7000,
        [
            [15, "file:schedules.toml", "sha256:ab12", [[1, T, T + 40000, NIGHTLY], [2, T, T + 10000, OFTEN]]],
            [15, "code", "", [[3, T, None, AT_BOOT]]],
            [19, [["file:schedules.toml", "schedule added", "acme/nightly", None, "schedule: 1", None]]],
            [21, "node-1", "2f6a3c1e-boot"],
        ],
    ],
    [
        8,
        T + 40000,
        [
            [
                4,
                0,
                0,
                0,
                ID + 9,
                [
                    [2, '{"kwargs":{"day":"today"}}', T + 40000] + [None] * 8,
                    [1, "[]", T + 10000] + [None] * 8,
                    [1, "[]", T + 7000] + [None] * 8,
                ],
                [],
            ],
            [
                18,
                [
                    [1, T + 40000, T + 40000, 1, 1, ID + 9, T + 40000, T + 86440000],
                    [2, T + 10000, T + 10000, 1, 2, ID + 10, T + 10000, T + 20000],
                    [2, T + 20000, T + 20000, 1, 14, None, T + 20000, T + 30000],
                    [2, T + 30000, T + 40000, 2, 15, None, T + 40000, T + 50000],
                    [3, T + 7001, T + 7001, 1, 4, ID + 11, T, None],
                ],
            ],
        ],
    ],
    [
        9,
        T + 60000,
        [
            [17, [1], 1, "the printer is out of ink"],
            [18, [[2, T + 30000, T + 60000, 4, 15, None, T + 60000, T + 70000]]],
            [5, 1, 99, [ID + 9, ID + 10], [1, 1]],
            [19, [["ops@example.org", "schedule paused", "acme/nightly", "paused: 0", "paused: 1", "out of ink"]]],
        ],
    ],
    [
        9,
        T + 61000,
        [
            [6, 1, [[ID + 10, 1, 1, 10, T + 10000, T + 60001, T + 60900, "7", None, None, None, 0, 0, None]]],
            [4, 0, 0, 0, ID + 12, [[1, "[]", T + 20000] + [None] * 8], []],
            [18, [[2, T + 20000, T + 20000, 1, 5, ID + 12, T + 60000, T + 70000]]],
            [
                15,
                "file:schedules.toml",
                "sha256:cd34",
                [[1, T + 61000, T + 86440000, [*NIGHTLY[:20], False, "Zürich ☃"]]],
            ],
        ],
    ],
    [9, T + 62000, [[16, [2]], [7, [ID + 12], 14], [17, [1], 0, None], [21, "node-2", "77aa-boot"]]],
    [9, T + 63000, [[20, T + 10001, 3, 100]]],
    [9, T + 64000, [[20, T + 40001, 1, 2], [16, [3]]]],
    [10, T + 65000, [[0], [24, 30000]]],
]


def main() -> None:
    """Writes both files, a row a line."""
    blobs: list[bytes] = [msgpack.packb([1, *entry], unicode_errors="surrogatepass") for entry in LOG]
    with TemporaryDirectory() as name:
        tables = shown(Path(name) / "shard.db", blobs)
    lines = [
        f" {json.dumps(name)}: [\n" + ",\n".join("  " + json.dumps(row, ensure_ascii=False) for row in rows) + "\n ]"
        for name, rows in tables.items()
    ]
    Path(FOLDER, "entries_1.hex").write_text("".join(blob.hex() + "\n" for blob in blobs), "ascii")
    Path(FOLDER, "entries_1.json").write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


if __name__ == "__main__":
    if Path(FOLDER, "entries_1.hex").exists() and "--again" not in sys.argv:
        sys.exit("the golden log is there; it must not change (--again makes it new)")
    main()
