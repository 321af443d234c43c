"""Addresses and networks, as settings and headers name them."""

import socket
from ipaddress import ip_address, ip_network

__all__ = ["is_loopback", "names_loopback", "networks"]


def networks(text: str) -> tuple[str, ...]:
    """Return addresses and CIDR ranges that stand between commas. Raises ValueError."""
    return tuple(str(ip_network(part.strip())) for part in text.split(",") if part.strip())


def is_loopback(host: str) -> bool:
    """Tell whether only this machine reaches who listens there. Raises OSError for no such name."""
    addresses = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    return all(ip_address(str(entry[4][0]).split("%")[0]).is_loopback for entry in addresses)


def names_loopback(host_header: str) -> bool:
    """Tell whether a Host header names this machine by a name that no name server can give away."""
    name = host_header.strip().lower()
    if name.startswith("["):
        name = name[1:].partition("]")[0]
    elif name.count(":") <= 1:
        name = name.partition(":")[0]
    if name == "localhost":
        return True
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return False
