"""`auditlog alerts run`: rules over what has newly become visible, alerts where they are wanted."""

__all__: list[str] = []
