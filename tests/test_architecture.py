"""The house rules that a machine can check: which room imports which, and how a public function looks."""

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "jaxpose"
# From the ground up; a room imports from lower floors only, or from its own floor.
FLOORS = (
    {
        "errors",
        "files",
        "numerics",
        "records",
        "signals",
        "skeleton",
        "tables",
        "layouts",
        "gaps",
        "resampling",
        "tracking",
        "unpickle",
    },
    {"detections", "formats", "arrays", "coco", "mediapipe", "mmpose", "openpose", "spreadsheet"},
    {"devices", "lock", "published"},
    {"layers", "temporal", "streaming", "rotations"},
    {"cameras", "kinematics"},
    {"calibration", "metrics", "losses", "motion", "inverse_kinematics"},
    {"dataset"},
    {"clips"},
    {"rig", "actions", "protocol"},
    {"synthetic", "prepared"},
    {"sources", "config", "optimizer", "checkpoint", "plots", "step", "video", "measures", "bootstrap", "paper"},
    {"export_bvh", "export_trc", "export_c3d", "exports"},
    {"loop", "diagnosis", "scoring", "runs", "inspection", "film"},
    {"lifter", "lifting", "tensorboard"},
    {"results", "comparison", "evaluation", "page"},
    {"inspection_page", "viewer"},
    {"train", "evaluate", "inspect", "convert", "predict", "report", "render"},
)
PURE = {
    "numerics",
    "skeleton",
    "gaps",
    "resampling",
    "tracking",
    "rotations",
    "kinematics",
    "inverse_kinematics",
    "cameras",
    "motion",
    "metrics",
    "losses",
    "layers",
    "temporal",
    "streaming",
    "optimizer",
    "step",
    "loop",
    "diagnosis",
    "inspection",
}
MODULES = {path.stem: path for path in PACKAGE.rglob("*.py") if path.stem != "__init__"}


def floor(module):
    (level,) = (level for level, rooms in enumerate(FLOORS) if module in rooms)
    return level


def imported(tree):
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith("jaxpose"):
            room = node.module.split(".")[-1]
            yield from [room] if room in MODULES else [alias.name for alias in node.names]


def public_functions(tree):
    return [n for n in tree.body if isinstance(n, ast.FunctionDef) and not n.name.startswith("_")]


@pytest.mark.parametrize("module", MODULES)
def test_imports_point_down(module):
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    for name in imported(tree):
        assert floor(name) <= floor(module), f"{module} imports {name}"


@pytest.mark.parametrize("module", MODULES)
def test_public_functions_are_typed_and_documented(module):
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    assert ast.get_docstring(tree)
    for function in public_functions(tree):
        arguments = function.args.posonlyargs + function.args.args + function.args.kwonlyargs
        assert ast.get_docstring(function), function.name
        assert function.returns is not None, function.name
        assert all(argument.annotation for argument in arguments), function.name


@pytest.mark.parametrize("module", sorted(PURE))
def test_pure_rooms_neither_read_nor_write(module):
    tree = ast.parse(MODULES[module].read_text("utf-8"))
    called = {n.func.id for n in ast.walk(tree) if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}
    assert not called & {"open", "print", "input"}


@pytest.mark.parametrize("module", ["numerics", "rotations", "kinematics", "cameras", "metrics"])
def test_arguments_keep_one_order(module):
    """Predictions, then targets; whatever has a default is named by the caller."""
    for function in public_functions(ast.parse(MODULES[module].read_text("utf-8"))):
        names = [argument.arg for argument in function.args.args]
        if "predictions" in names:
            assert names[:2] == ["predictions", "targets"], function.name
        assert not function.args.defaults, function.name


@pytest.mark.parametrize("module", MODULES)
def test_norms_and_arccosines_are_guarded(module):
    """A bare norm or arccos has a gradient that is not finite somewhere; only numerics may guard one."""
    calls = [n.func.attr for n in ast.walk(ast.parse(MODULES[module].read_text("utf-8")))
             if isinstance(n, ast.Call) and isinstance(n.func, ast.Attribute)]  # fmt: skip
    assert module == "numerics" or not {"norm", "arccos", "acos"} & set(calls)


@pytest.mark.parametrize("module", MODULES)
def test_every_room_has_its_tests(module):
    assert (Path(__file__).parent / f"test_{module}.py").exists()
