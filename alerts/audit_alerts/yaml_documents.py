"""The documents of a YAML file, of bounded size. Pure.

A few lines of aliases, each of which names the one before several times, stand for more than any memory
holds (the "billion laughs"). So what a file would become is counted before anything is made of it.
"""

from typing import Any

import yaml
from sigma.rule.base import SigmaYAMLLoader

from audit_alerts.errors import RuleRefusedError

__all__ = ["FILE_MAX", "NODES_MAX", "load_documents", "too_large"]

FILE_MAX = 256 * 1024
"""Bytes of one file; the largest of the shipped rules has 8,000."""

NODES_MAX = 20_000
"""Keys, values and lists of one file, those behind aliases counted each time; ours have up to 810."""

_DEPTH_MAX = 100
"""The parser, written in C, would overflow its stack some tens of thousands of levels down."""

_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_DIGITS_MAX = 100
"""`1:59:59:59` is a number too, to the base of 60: one of 200 KB took nine seconds to read."""


def load_documents(text: str, file: str) -> list[Any]:
    """Return all documents that are not empty. Raises RuleRefusedError."""
    if len(text) > FILE_MAX:
        raise too_large(file)
    loader = SigmaYAMLLoader(text)
    found, left = [], NODES_MAX
    try:
        _check_depth(text, file)
        while loader.check_node():
            node = loader.get_node()
            assert node is not None  # noqa: S101 - `check_node` says so
            left -= _size(node, {})
            if left < 0:
                raise RuleRefusedError(
                    file,
                    f"has more than {NODES_MAX:,} keys and values, those behind aliases counted each "
                    "time; split it, or write it with fewer aliases",
                )
            found.append(loader.construct_document(node))
    except yaml.YAMLError as error:
        raise RuleRefusedError(file, f"is not YAML: {' '.join(str(error).split())}") from None
    except (TypeError, ValueError) as error:  # a list as a key; a day that does not exist
        raise RuleRefusedError(file, f"has a key or value that can't be read: {error}") from None
    finally:
        loader.dispose()
    return [part for part in found if part is not None]


def too_large(file: str) -> RuleRefusedError:
    """Return the error for a file beyond FILE_MAX."""
    return RuleRefusedError(file, f"is larger than {FILE_MAX // 1024} KiB; split it into several files")


def _check_depth(text: str, file: str) -> None:
    depth = 0
    for event in yaml.parse(text, SigmaYAMLLoader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _DEPTH_MAX:
            raise RuleRefusedError(file, "is nested too deeply")


def _size(node: yaml.Node, known: dict[int, int]) -> int:
    """Count the nodes of a tree that may share branches. Raises RecursionError for one in itself."""
    size = known.get(id(node))
    if size == _UNFINISHED:
        raise RecursionError
    if node.tag in _NUMBERS and len(node.value) > _DIGITS_MAX:
        raise ValueError(f"a number of {len(node.value)} characters")
    if size is None:
        known[id(node)] = _UNFINISHED
        size = 1 + sum(_size(inner, known) for inner in _children(node))
        known[id(node)] = size
    return size


_UNFINISHED = -1


def _children(node: yaml.Node) -> list[yaml.Node]:
    if isinstance(node, yaml.MappingNode):
        return [part for pair in node.value for part in pair]
    return list(node.value) if isinstance(node, yaml.SequenceNode) else []
