"""What every test shares: the CPU, a compilation cache of the suite, memory given back, a limit on compilations.

`tests/README.md` says how to run parts of the suite, and what to do when a test compiles too much.
"""

import ctypes
import gc
import os
import sys

from helpers.places import ROOT

# Before jax is imported, here and in the processes that tests start.
os.environ.setdefault("JAX_PLATFORMS", "cpu")  # the suite never needs an accelerator
# Nearly all of the suite's time is compilation. The user's own cache is not touched, and not read.
os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(ROOT / ".pytest_cache" / "xla"))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")

import jax
import pytest
from hypothesis import settings

MOST_COMPILATIONS = 40
"""Programs that a test may compile. Eager calls of JAX compile one for each operation and shape: jit the comparison."""

settings.register_profile("jaxpose", deadline=None, max_examples=25, derandomize=True)
settings.load_profile("jaxpose")


compilations = 0


@jax.monitoring.register_event_duration_secs_listener
def count_compilation(event: str, seconds: float, **_: object) -> None:
    """Count the programs that are compiled, or loaded from the cache."""
    global compilations
    compilations += event == "/jax/core/compile/backend_compile_duration"


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item):
    """Fail a test that compiles more than it may; `@pytest.mark.compilations(100)` allows one to."""
    before = compilations
    result = yield
    mark = item.get_closest_marker("compilations")
    allowed, found = mark.args[0] if mark else MOST_COMPILATIONS, compilations - before
    if found > allowed:
        pytest.fail(f"compiled {found} programs, {allowed} are allowed (see tests/README.md)", pytrace=False)
    return result


def give_memory_back():
    """Drop all compiled programs: a megabyte each, and thousands in the whole suite."""
    jax.clear_caches()
    gc.collect()
    if sys.platform == "linux":
        ctypes.CDLL(None).malloc_trim(0)  # else the C library keeps the pages


@pytest.fixture(scope="module", autouse=True)
def memory_given_back():
    """Give memory back after each module."""
    yield
    give_memory_back()


@pytest.fixture
def memory_given_back_after_each():
    """Give memory back after each test, in a module whose tests compile a hundred programs each."""
    yield
    give_memory_back()


@pytest.fixture
def x64():
    """Run one test in float64, for comparisons with float64 oracles and finite differences."""
    with jax.enable_x64(True):
        yield


@pytest.fixture(scope="module")
def compiled_soon():
    """For a module whose time would mostly go into optimising programs that run once."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


@pytest.fixture
def cache_folder(monkeypatch, tmp_path):
    """A new folder where a user's programs are kept; JAX's settings are as a user has them, and put back."""
    names = [f"jax_{name}" for name in (
        "enable_compilation_cache", "compilation_cache_dir", "compilation_cache_max_size",
        "persistent_cache_min_compile_time_secs",
    )]  # fmt: skip
    before = {name: getattr(jax.config, name) for name in names}
    jax.config.update("jax_enable_compilation_cache", True)
    jax.config.update("jax_compilation_cache_dir", None)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    yield tmp_path / "cache"
    for name, value in before.items():
        jax.config.update(name, value)


@pytest.fixture(scope="session")
def prepared(tmp_path_factory):
    """A small prepared data set: subjects S1 and S9, two actions each."""
    from helpers.samples import DESCRIPTION, make_track

    from data_prep.writer import data_set

    folder = tmp_path_factory.mktemp("data") / "prepared"
    clips = (("Walking", 40), ("Sitting", 25))

    def tracks(subject):
        return [make_track(subject=subject, action=action, frames=n, seed=n) for action, n in clips]

    data_set.write(folder, DESCRIPTION, tracks, text="made by the tests")
    return folder


@pytest.fixture(scope="session")
def untrained(prepared, tmp_path_factory):
    """An untrained network for the prepared data, saved as a run leaves it; its test split is S9."""
    from helpers.samples import DESCRIPTION

    from jaxpose.models.configs import TemporalConfig
    from jaxpose.runs import checkpoint
    from jaxpose.runs.folder import write_settings
    from jaxpose.training import setup
    from jaxpose.training.config import Config
    from jaxpose.training.state import to_checkpoint

    run = tmp_path_factory.mktemp("runs") / "run"
    model = TemporalConfig(filter_widths=(3,), channels=8)
    config = Config(data=str(prepared), model=model, batch_size=8, test_split="S9")
    write_settings(run, config, DESCRIPTION)
    with checkpoint.open_checkpoints(run) as checkpoints:
        state = setup.init(setup.build_recipe(config, DESCRIPTION, 65), jax.random.key(3))
        checkpoint.save(checkpoints, 7, to_checkpoint(state))
    return run


@pytest.fixture
def refusal(capsys):
    """Run a command that must refuse: the one line that it prints before it exits with code 2."""

    def run(command, arguments):
        capsys.readouterr()
        with pytest.raises(SystemExit) as stop:
            command(arguments)
        assert stop.value.code == 2
        (line,) = capsys.readouterr().err.splitlines()
        return line

    return run
