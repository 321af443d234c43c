"""Public names: all of them are listed, in order, and say what they do."""

import ast
import inspect
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from types import ModuleType

import audit_schemas
import pytest

MODULES = ["audit_schemas"] + [
    f"audit_schemas.{path.stem}"
    for path in sorted(Path(audit_schemas.__file__).parent.glob("*.py"))
    if path.stem != "__init__"
]


@pytest.mark.parametrize("name", MODULES)
def test_public_names_are_listed_and_sorted(name: str) -> None:
    """Constants, classes, functions: as ruff sorts them."""
    module = import_module(name)
    assert sorted(_defined(module), key=_rank) == module.__all__


@pytest.mark.parametrize("name", MODULES)
def test_public_classes_and_functions_have_docstrings(name: str) -> None:
    """Methods and properties too; an inherited docstring is none."""
    module = import_module(name)
    assert [] == [path for path, thing in _documented(module) if not getattr(thing, "__doc__", None)]


@pytest.mark.parametrize("name", MODULES)
def test_module_has_a_docstring(name: str) -> None:
    """It says what the module is for."""
    assert import_module(name).__doc__


def _defined(module: ModuleType) -> Iterator[str]:
    """Yield the public names that a module defines; for the package, those that it gathers."""
    gathers = module.__name__ == "audit_schemas"
    for node in ast.parse(inspect.getsource(module)).body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                names = [name]
            case ast.Assign(targets=targets):
                leaves = [leaf for target in targets for leaf in ast.walk(target)]
                names = [leaf.id for leaf in leaves if isinstance(leaf, ast.Name)]
            case ast.AnnAssign(target=ast.Name(id=name)):
                names = [name]
            case ast.ImportFrom(names=aliases) if gathers:
                names = [alias.name for alias in aliases]
            case _:
                names = []
        yield from (name for name in names if not name.startswith("_"))


def _rank(name: str) -> tuple[int, str]:
    return (0 if name.isupper() else 1 if name[0].isupper() else 2), name


def _documented(module: ModuleType) -> Iterator[tuple[str, object]]:
    for name in module.__all__:
        thing = getattr(module, name)
        if inspect.isfunction(thing):
            yield name, thing
        elif inspect.isclass(thing):
            yield name, thing
            for inner, value in vars(thing).items():
                method = inspect.isfunction(value) or isinstance(value, property | classmethod)
                if method and not inner.startswith("_") and inner != "model_post_init":
                    yield f"{name}.{inner}", value
