"""The versions that a run was made with, and the commit of a checkout: of ours, and of no other repository."""

import subprocess

import jax
import numpy as np

from jaxpose.runtime import versions


def test_the_packages_that_compute_are_there():
    found = versions.versions()
    assert (found["jax"], found["numpy"]) == (jax.__version__, np.__version__)
    assert {"jaxpose", "flax", "optax", "orbax-checkpoint", "python", "commit"} <= found.keys()


def test_what_is_not_installed_is_none(monkeypatch):
    monkeypatch.setattr(versions, "PACKAGES", ("no-such-package-of-ours",))
    assert versions.versions()["no-such-package-of-ours"] is None


def test_the_commit_of_a_checkout(tmp_path, monkeypatch):
    def git(*arguments):
        settings = ["-c", "user.name=A", "-c", "user.email=a@example.org", "-c", "init.defaultBranch=main"]
        command = ["git", *settings, "-C", str(tmp_path), *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    assert versions.commit(tmp_path) is None
    git("init")
    (tmp_path / "file").write_text("a")
    assert versions.commit(tmp_path) is None  # there is none yet
    git("add", "file")
    git("commit", "-m", "first")
    git("tag", "-a", "v1", "-m", "a tag is not the commit")
    head = git("rev-parse", "HEAD")
    assert versions.commit(tmp_path) == head
    (tmp_path / "file").write_text("b")
    assert versions.commit(tmp_path) == f"{head}-dirty"
    (tmp_path / "site-packages").mkdir()
    assert versions.commit(tmp_path / "site-packages") is None  # the repository above is somebody else's
    monkeypatch.setenv("PATH", "/nowhere")
    assert versions.commit(tmp_path) is None
