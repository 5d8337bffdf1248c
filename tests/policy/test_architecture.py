"""The rules of the house that a machine can check: which room imports which, and how a public function looks.

Each test lists its offenders, so that one run names them all.
"""

import ast
import graphlib
from pathlib import Path

import pytest
from helpers.places import ROOT

import jaxpose

CORE = {*jaxpose.MODULES} - {"synthetic"}
FLOORS = (
    CORE | {"runtime", "files"},
    {"models", "data", "keypoints", "export", "weights"},
    {"training", "visualization"},
    {"evaluation"},
    {"runs"},
    {"lifting"},
    {"train", "evaluate", "predict", "report", "render", "explain", "convert"},
    {"__main__"},
)
"""A room imports rooms of lower floors; rooms of one floor do not know each other, but for the ground floor's."""

PREPARATION = {
    "writer",
    "formats",
    "human36m",
    "cameras",
    "checks",
}  # rooms of data_prep; its commands stand at the top
FOR_PREPARATION = FLOORS[0] | FLOORS[1]  # the rooms of jaxpose that data_prep imports
DRAWS = {"data_prep.checks.contact_sheet"}  # and this one the figures, too
PURE = (*(f"jaxpose.{module}" for module in sorted(CORE)), "jaxpose.models")  # neither read nor write


def module_of(path):
    return ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__")


def sources(*packages):
    return {module_of(path): path for package in packages for path in sorted((ROOT / package).rglob("*.py"))}


def parsed(*packages):
    return {module: ast.parse(path.read_text("utf-8")) for module, path in sources(*packages).items()}


def imported(tree, known):
    """The modules of ours that a module imports, anywhere in it."""
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                full = f"{node.module}.{alias.name}"
                yield full if full in known else node.module
        elif isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)


def room(module):
    """The room of a module; the `__main__` of a room is a command, and imports what commands import."""
    parts = module.split(".")
    if parts[-1] == "__main__":
        return parts[-1]
    return parts[1] if len(parts) > 1 else ""


def floor(module):
    (level,) = (level for level, rooms in enumerate(FLOORS) if room(module) in rooms)
    return level


def public_functions(tree):
    return [node for node in tree.body if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")]


def test_every_module_of_jaxpose_has_a_room():
    homeless = [module for module in sources("jaxpose") if room(module) and not any(room(module) in f for f in FLOORS)]
    assert not homeless


def test_imports_point_down():
    known, offenders = sources("jaxpose", "data_prep", "experiments"), []
    for module, tree in parsed("jaxpose").items():
        for name in imported(tree, known):
            if name.startswith(("data_prep", "experiments", "tests")):
                offenders.append(f"{module} imports {name}, which is outside jaxpose")
            elif not name.startswith("jaxpose.") or not room(module) or room(name) == room(module):
                continue
            elif floor(name) > floor(module) or 0 < floor(name) == floor(module):
                offenders.append(f"{module} (floor {floor(module)}) imports {name} (floor {floor(name)})")
    assert not offenders


def test_data_prep_imports_the_lower_floors():
    known, offenders = sources("jaxpose", "data_prep", "experiments"), []
    for module, tree in parsed("data_prep").items():
        for name in imported(tree, known):
            allowed = FOR_PREPARATION | ({"visualization"} if module in DRAWS else set())
            if name.startswith("jaxpose") and room(name) not in allowed:
                offenders.append(f"{module} imports {name}")
            if room(module) in PREPARATION and name.startswith("data_prep") and room(name) not in PREPARATION:
                offenders.append(f"{module} imports the command {name}")
    assert not offenders


def test_no_module_imports_itself_in_a_circle():
    trees = parsed("jaxpose", "data_prep", "experiments")
    graph = {module: {name for name in imported(tree, trees) if name != module} for module, tree in trees.items()}
    graph |= {module: set() for module in graph if room(module) == ""}  # the packages themselves import nothing of ours
    graphlib.TopologicalSorter(graph).prepare()  # raises CycleError with the circle


def test_experiments_are_imported_by_nothing_and_tests_by_no_test():
    offenders = []
    for module, tree in parsed("jaxpose", "data_prep", "tests").items():
        for name in imported(tree, {}):
            if name.split(".")[0] == "experiments" or name.split(".")[-1].startswith("test_"):
                offenders.append(f"{module} imports {name}")
    assert not offenders


def test_public_functions_are_typed_and_documented():
    offenders = []
    for module, tree in parsed("jaxpose", "data_prep").items():
        if not ast.get_docstring(tree):
            offenders.append(f"{module}: no docstring")
        for function in public_functions(tree):
            arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
            if not ast.get_docstring(function):
                offenders.append(f"{module}.{function.name}: no docstring")
            if function.returns is None or not all(argument.annotation for argument in arguments):
                offenders.append(f"{module}.{function.name}: not typed")
    assert not offenders


def test_pure_rooms_neither_read_nor_write():
    offenders = []
    for module, tree in parsed("jaxpose").items():
        if module.startswith(PURE):
            called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
            offenders += [f"{module} calls {name}()" for name in called & {"open", "print", "input"}]
    assert not offenders


def test_arguments_keep_one_order():
    """Predictions, then targets; whatever has a default is named by the caller."""
    offenders = []
    for module in ("numerics", "rotations", "kinematics", "cameras", "alignment", "metrics"):
        for function in public_functions(ast.parse((ROOT / "jaxpose" / f"{module}.py").read_text("utf-8"))):
            names = [argument.arg for argument in function.args.args]
            if "predictions" in names and names[:2] != ["predictions", "targets"]:
                offenders.append(f"{module}.{function.name}: predictions, targets come first")
            if function.args.defaults:
                offenders.append(f"{module}.{function.name}: a default that is not keyword-only")
    assert not offenders


def test_norms_and_arccosines_are_guarded():
    """A bare norm or arccos has a gradient that is not finite somewhere; only numerics may guard one."""
    offenders = []
    for module, tree in parsed("jaxpose").items():
        for node in ast.walk(tree) if module != "jaxpose.numerics" else ():
            attribute = node.func if isinstance(node, ast.Call) else None
            if isinstance(attribute, ast.Attribute) and attribute.attr in {"norm", "arccos", "acos"}:
                offenders.append(f"{module}:{node.lineno} {attribute.attr}")
    assert not offenders


def test_every_module_has_its_tests():
    """In the room of the same name; those of the core in tests/core, those of commands in tests/commands."""
    missing = []
    for module in sources("jaxpose", "data_prep"):
        package, *parts = module.split(".")
        if not parts or (ROOT / module.replace(".", "/")).is_dir():
            continue
        folders = {"jaxpose": ["core", "commands"] if len(parts) == 1 else [], "data_prep": ["data_prep"]}[package]
        where = [Path("tests", folder, *parts[:-1], f"test_{parts[-1].strip('_')}.py") for folder in folders or [""]]
        if not any((ROOT / place).exists() for place in where):
            missing.append(str(where[0]))
    assert not missing


@pytest.mark.parametrize("path", ["jaxpose.synthetic", "jaxpose.inspection", "jaxpose.models.streaming"])
def test_old_import_paths_keep_working(path):
    from jaxpose.runtime.moved import MOVED

    module = __import__(path, fromlist=["x"])
    assert module is __import__(MOVED[path], fromlist=["x"])
    assert module.__spec__.name == MOVED[path]
