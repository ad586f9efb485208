"""What every run shares: how the root is collected, what integration tests are, how chance is seeded."""

import gc
import signal
from pathlib import Path

import hypothesis
import pytest

INTEGRATION = Path(__file__).parent / "integration"

# The same examples in every run: a failure repeats, and no run depends on an earlier one.
hypothesis.settings.register_profile("mainspring", derandomize=True, deadline=None, database=None)
# For `make verify`: properties that do not say how many examples they need try a quarter of the usual hundred.
hypothesis.settings.register_profile("mainspring-short", hypothesis.settings.get_profile("mainspring"), max_examples=25)
hypothesis.settings.load_profile("mainspring")

# A shell starts what runs in its background with SIGINT ignored, which children would inherit; tests send them one.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class RootIsNoTestPackage:
    """Keeps pytest from importing the root __init__.py again, under the name of the checkout's folder."""

    @pytest.hookimpl(tryfirst=True)
    def pytest_collect_directory(self, path: Path, parent: pytest.Collector) -> pytest.Collector | None:
        """Collects the root as a plain folder, although it has an __init__.py."""
        if path == parent.config.rootpath:
            return pytest.Dir.from_parent(parent, path=path)
        return None


def pytest_configure(config: pytest.Config) -> None:
    """Registers the hook for all folders; as a hook of this file it would be asked about tests/ alone."""
    config.pluginmanager.register(RootIsNoTestPackage())


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks what lies in tests/integration; `make test` keeps each file in one worker, so its node starts once."""
    for item in items:
        if INTEGRATION in item.path.parents:
            item.add_marker(pytest.mark.integration)


def pytest_collection_finish() -> None:
    """Spares the collector the tests themselves: else it walks through all of them again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 100)
