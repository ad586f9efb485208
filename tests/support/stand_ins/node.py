"""Runs a node whose processes are stand-ins: `python -m stand_ins.node DATA_DIR [KEY=VALUE...]`.

It decides nothing; the keys are those of `[supervisor]` and `[node]`.
"""

import sys
from pathlib import Path

from mainspring.nodes.settings.executor_section import ExecutorSection
from mainspring.nodes.settings.models import NodeSection, NodeSettings, SupervisorSection
from mainspring.nodes.supervisor.errors import NodeError
from mainspring.nodes.supervisor.run import Programs, run_node


def main() -> int:
    """Runs the node; returns its exit status."""
    given = {key: float(value) for key, value in (word.split("=") for word in sys.argv[2:])}
    supervisor = {key: int(value) for key, value in given.items() if key in SupervisorSection.model_fields}
    settings = NodeSettings(
        node=NodeSection(data_dir=Path(sys.argv[1]), drain_timeout_s=given.get("drain_timeout_s", 30)),
        executor=(ExecutorSection(count=2, tasks=("none",), kill_grace_ms=0),),
        supervisor=SupervisorSection(**supervisor),
    )
    try:
        return run_node(
            settings,
            ready=lambda url: print(f"ready {url}", flush=True),
            programs=Programs("stand_ins.actor", "stand_ins.actor"),
        )
    except NodeError as error:
        print(error, file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
