"""What the READMEs and docstrings show is true: examples run, tables agree with the code, commands are those of CI."""

import contextlib
import doctest
import importlib
import io
import re

import pytest
from helpers.places import ROOT
from helpers.registries import restored_registries

import jaxpose
from jaxpose.__main__ import COMMANDS, preparations
from jaxpose.losses import QUANTITIES
from jaxpose.skeleton import H36M_17
from jaxpose.training.config import PRESETS

pytestmark = pytest.mark.usefixtures("memory_given_back_after_each")
READMES = sorted(
    str(path.relative_to(ROOT))
    for path in ROOT.rglob("README.md")
    if not any(part.startswith(".") or part in ("build", "notebooks") for part in path.relative_to(ROOT).parts)
)
MOST_LINES = 170  # of the first README
LINKED = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")
COMMAND = re.compile(r"(?:^|[ `])(?:python3? -m |jaxpose )([\w.]+)((?: [\w-]+)?)", re.MULTILINE)


def text_of(readme):
    return (ROOT / readme).read_text("utf-8")


def blocks(readme, language):
    return re.findall(rf"```{language}\n(.*?)```", text_of(readme), re.DOTALL)


@pytest.fixture
def unchanged_registries():
    """An example may add to the tables of what has a name."""
    with restored_registries():
        yield


@pytest.mark.compilations(400)
@pytest.mark.usefixtures("unchanged_registries")
@pytest.mark.parametrize("readme", [readme for readme in READMES if blocks(readme, "python")])
def test_the_examples_of_a_readme_run(readme, monkeypatch):
    """Blocks run one after the other, as in a notebook; a comment at the end of a print says what is printed."""
    monkeypatch.chdir(ROOT)
    names = {}
    for block in blocks(readme, "python"):
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(block, readme, "exec"), names)
        expected = re.findall(r"print\(.*\)  # (.+)$", block, re.MULTILINE)
        shown = printed.getvalue().splitlines()
        assert len(expected) <= len(shown), f"{readme} promises {expected}"
        for line, promise in zip(shown, expected, strict=False):
            assert re.sub(r"[\d.]+", "#", line) == re.sub(r"[\d.]+", "#", promise), readme


@pytest.mark.compilations(100)
@pytest.mark.parametrize("module", sorted(jaxpose.MODULES))
def test_the_examples_of_docstrings_run(module):
    found = doctest.testmod(importlib.import_module(f"jaxpose.{module}"), optionflags=doctest.NORMALIZE_WHITESPACE)
    assert found.failed == 0


def test_docstrings_have_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    modules = [
        importlib.import_module(f"jaxpose.{module}") for module in ("kinematics", "metrics", "losses", "alignment")
    ]
    without = [module.__name__ for module in modules if not any(test.examples for test in finder.find(module))]
    assert not without


def test_the_first_readme_is_short():
    assert len(text_of("README.md").splitlines()) <= MOST_LINES


@pytest.mark.parametrize("readme", READMES)
def test_links_lead_to_files(readme):
    folder = (ROOT / readme).parent
    broken = [link for link in LINKED.findall(text_of(readme)) if not (folder / link).exists()]
    assert not broken


@pytest.mark.parametrize("readme", READMES)
def test_commands_exist(readme):
    """`jaxpose NAME`, `python -m MODULE` in code: the module is there."""
    unknown = []
    for block in [*blocks(readme, "sh"), *re.findall(r"`([^`\n]+)`", text_of(readme))]:
        for line in block.splitlines():
            words = line.split("#")[0].split()
            for here, word in enumerate(words):
                if word == "-m" and here and "python" in words[here - 1]:
                    name = words[here + 1]
                    if (
                        name.split(".")[0] in ("jaxpose", "data_prep", "experiments")
                        and not name.split(".")[-1].isupper()
                    ):
                        path = ROOT / name.replace(".", "/")
                        if not (path.with_suffix(".py").exists() or (path / "__main__.py").exists()):
                            unknown.append(name)
            if words[:1] == ["jaxpose"] and len(words) > 1 and not words[1].isupper() and not words[1].startswith("-"):
                if words[1] == "prepare":
                    unknown += [f"prepare {w}" for w in words[2:3] if w not in preparations() and not w.isupper()]
                elif words[1] not in COMMANDS:
                    unknown.append(words[1])
    assert not unknown


def test_the_table_of_terms_is_true():
    rows = [line for line in text_of("jaxpose/README.md").splitlines() if line.startswith("| `")]
    assert all(any(f"`{name}`" in row.split("|")[1] for row in rows) for name in QUANTITIES)


@pytest.mark.parametrize("readme", ["README.md", "jaxpose/training/README.md"])
def test_the_preset_table_is_true(readme):
    for name, config in PRESETS.items():
        row = next(line for line in text_of(readme).splitlines() if line.startswith(f"| `{name}`"))
        numbers = [int(cell) for cell in re.findall(r"\| (\d+)", row)]
        context = config.model.build(H36M_17, H36M_17, 2).context
        assert numbers[:3] == [sum(context) + 1, config.model.channels, config.epochs]


@pytest.mark.skipif(not (ROOT / ".ci" / "run").exists(), reason="an installed copy has no .ci")
def test_ci_runs_the_test_command():
    (run,) = re.findall(r"pip install '\.\[test\]' && \.venv/bin/(python -m pytest)", text_of("README.md"))
    script = (ROOT / ".ci" / "run").read_text()
    assert "'.[test,cuda-aot]'" in script
    assert '"$environment/bin/python" -m pytest\n' in script
    assert run == "python -m pytest"
