"""Checks of settings: frozen dataclasses whose fields come from a command line or a file."""

import dataclasses
from typing import Any, get_type_hints

import typeguard

from jaxpose.runtime.errors import InputError


def require(settings: Any, truth: bool, field: str, expected: str) -> None:
    """Raise `InputError` unless a condition on a field holds; it names the option, its value and what is expected."""
    if not truth:
        raise InputError(f"--{field.replace('_', '-')} is {getattr(settings, field)!r}; it must be {expected}")


def check_types(settings: Any) -> None:
    """Raise `InputError` for the first field whose value is not of the type that the dataclass declares."""
    kinds = get_type_hints(type(settings))
    for field in dataclasses.fields(settings):
        kind = kinds[field.name]
        name = kind.__name__ if isinstance(kind, type) else kind
        require(settings, is_of(kind, getattr(settings, field.name)), field.name, f"of type {name}")


def is_of(kind: object, value: object) -> bool:
    """True if a value and all that it holds is of a type; an int counts as a float."""
    try:
        typeguard.check_type(value, kind, collection_check_strategy=typeguard.CollectionCheckStrategy.ALL_ITEMS)
    except typeguard.TypeCheckError:
        return False
    return True
