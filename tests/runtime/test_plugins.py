"""Plugins: files named on the command line are imported first; what cannot be imported is named."""

import sys

import pytest

from jaxpose.runtime.errors import InputError
from jaxpose.runtime.plugins import import_plugins


@pytest.fixture
def plugin(tmp_path, monkeypatch):
    """Write a file that notes that it was imported: the file, and the notes."""
    notes = []
    monkeypatch.setattr(sys, "plugin_notes", notes, raising=False)

    def write(name="one.py", code=""):
        (tmp_path / name).write_text(f"import sys\nsys.plugin_notes.append(__name__)\n{code}\n")
        return str(tmp_path / name), notes

    yield write
    for name in [name for name in sys.modules if name.startswith("jaxpose_plugin_")]:
        del sys.modules[name]


def test_both_spellings_anywhere_among_the_arguments(plugin):
    one, notes = plugin("one.py")
    two, _ = plugin("two.py")
    assert import_plugins(["--plugin", one, "quick", "--seed", "3", f"--plugin={two}"]) == ["quick", "--seed", "3"]
    assert notes == ["jaxpose_plugin_one", "jaxpose_plugin_two"]
    assert import_plugins(["quick", "--plugins", "x"]) == ["quick", "--plugins", "x"]
    assert len(notes) == 2


def test_a_plugin_may_define_dataclasses(plugin):
    """Its module is known under its name, as dataclasses need it."""
    code = "import dataclasses\n@dataclasses.dataclass(frozen=True)\nclass Round:\n  r: float = 1"
    file, _ = plugin("shapes.py", code)
    import_plugins(["--plugin", file])
    assert sys.modules["jaxpose_plugin_shapes"].Round().r == 1


@pytest.mark.parametrize(
    ("name", "code", "message"),
    [
        (None, "", r"--plugin .*/nowhere\.py is not a file; name a Python file"),
        ("broken.py", "1 / 0", r"--plugin .*broken\.py cannot be imported: ZeroDivisionError: division by zero"),
        ("syntax.py", "def (", r"--plugin .*syntax\.py cannot be imported: SyntaxError: "),
        ("names.txt", "", r"--plugin .*names\.txt is not a Python file; its name must end with \.py"),
    ],
)
def test_a_file_that_is_no_plugin_is_named(plugin, tmp_path, name, code, message):
    file = plugin(name, code)[0] if name else str(tmp_path / "nowhere.py")
    for words in (["--plugin", file], [f"--plugin={file}"]):
        with pytest.raises(InputError, match=message):
            import_plugins(words)
        assert not [module for module in sys.modules if module.startswith("jaxpose_plugin_")]


@pytest.mark.parametrize("words", [["quick", "--plugin"], ["--plugin="]])
def test_an_option_without_a_file_is_refused(words):
    with pytest.raises(InputError, match="--plugin names no file; name a Python file"):
        import_plugins(words)


def test_a_folder_is_no_plugin(tmp_path):
    with pytest.raises(InputError, match="is not a file"):
        import_plugins(["--plugin", str(tmp_path)])
