"""The lists that a deployment keeps, for filters that name one."""

from collections.abc import Callable
from datetime import datetime

from audit_runtime import ElasticsearchSettings, ListFolder, ReferenceList

from audit_query.network_filter import FindList, no_lists
from audit_query.settings import QuerySettings

__all__ = ["list_finder"]


def list_finder(settings: ElasticsearchSettings, clock: Callable[[], datetime]) -> FindList:
    """Return what finds a list as it is when it is asked for. Safe to use from several threads."""
    if not isinstance(settings, QuerySettings):
        return no_lists
    folder = ListFolder(settings.lists, settings.denied_ranges)

    def find(name: str) -> ReferenceList:
        return folder.current().find(name, clock())

    return find
