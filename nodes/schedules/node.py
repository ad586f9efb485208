"""What a node checks of its schedules before anything starts.

Decides that a faulty file of schedules is a fault of the node's configuration. It must not know how either is read.
"""

from ..settings.models import NodeSettings
from .load import load_schedules


def check_schedules(settings: NodeSettings) -> NodeSettings:
    """Checks the file of schedules that a node's settings name, if they name one.

    Returns:
        The settings.

    Raises:
        SettingsError: The file cannot be read or used; the text lists all its faults.
    """
    if settings.schedules.file is not None:
        load_schedules(settings.schedules.file)
    return settings
