"""The log over HTTP: the API, who may ask, and the server. Needs the extra `web`."""

__all__: list[str] = []
