"""Why a node cannot be started, as one exception for people.

Decides only the class; the text, with fault and mend, is written where the fault is found.
"""


class NodeError(RuntimeError):
    """The node cannot be started as things are; the text names the fault and the mend."""
