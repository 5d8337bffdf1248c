"""The test suite. A package, so that experiments can import `tests.helpers` even where an installed package has the
name `tests`."""
