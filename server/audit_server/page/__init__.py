"""The Audit Logs page: rendered on the server, made quicker to use by plain JavaScript.

It needs the extra `web`. `routes` has what the application includes.
"""

__all__: list[str] = []
