"""Errors of format libraries on damaged files, as input errors."""

import contextlib
from collections.abc import Iterator

from jaxpose.runtime.errors import InputError


@contextlib.contextmanager
def damage_as_input_error(name: str, problem: str) -> Iterator[None]:
    """Turn any exception into one `InputError`: damaged bytes make libraries raise every kind.

    Args:
      name: of the file, for the message.
      problem: that the exception shows, such as "not a CDF file, or damaged".

    Raises:
      InputError: in place of any other exception; an `InputError` passes as it is.
    """
    try:
        yield
    except InputError:
        raise
    except Exception as error:
        cause = f"{type(error).__name__}: {error}"
        raise InputError(f"{name}: {problem} ({cause}); download it again") from error
