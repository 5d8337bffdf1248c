"""Checks of settings name the option, its value and what is expected."""

import dataclasses
from typing import Literal

import pytest

from jaxpose.runtime.errors import InputError
from jaxpose.runtime.settings import check_types, is_of, require


@dataclasses.dataclass(frozen=True)
class Settings:
    some_sizes: tuple[int, ...] = (1, 2)
    rate: float = 0.5
    weights: dict[str, float] = dataclasses.field(default_factory=dict)
    name: str | None = None


def test_a_condition_that_does_not_hold_is_refused():
    require(Settings(), True, "rate", "below 1")
    with pytest.raises(InputError) as error:
        require(Settings(), False, "some_sizes", "above 3")
    assert str(error.value) == "--some-sizes is (1, 2); it must be above 3"


@pytest.mark.parametrize(
    ("setting", "expected"),
    [
        ({"some_sizes": [1]}, "--some-sizes is [1]; it must be of type tuple[int, ...]"),
        ({"some_sizes": (1, 2.5)}, "--some-sizes is (1, 2.5); it must be of type tuple[int, ...]"),
        ({"rate": "0.5"}, "--rate is '0.5'; it must be of type float"),
        ({"weights": {"a": 1.0, "b": "2"}}, "--weights is {'a': 1.0, 'b': '2'}; it must be of type dict[str, float]"),
        ({"name": 3}, "--name is 3; it must be of type str | None"),
    ],
)
def test_values_of_another_type_are_refused(setting, expected):
    with pytest.raises(InputError) as error:
        check_types(Settings(**setting))
    assert str(error.value) == expected


def test_whole_numbers_are_floats_and_all_of_a_value_is_looked_at():
    check_types(Settings(rate=1, weights={"a": 1}, name="x"))
    assert is_of(Literal["a", "b"], "a")
    assert not is_of(Literal["a", "b"], "c")
    assert not is_of(dict[str, int], dict.fromkeys(map(str, range(100)), 1) | {"last": "1"})
