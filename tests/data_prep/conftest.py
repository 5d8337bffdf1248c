"""What several tests of data preparation share: archives of Human3.6M's structure."""

import pytest
from helpers.h36m_files import SUBJECTS, contents, save_archives


@pytest.fixture(scope="session")
def made(tmp_path_factory):
    """The files of two subjects, by subject and path in their archives."""
    folder = tmp_path_factory.mktemp("made")
    return {subject: contents(folder, subject) for subject in SUBJECTS}


@pytest.fixture(scope="session")
def archives(made, tmp_path_factory):
    """Two archives as the site serves them."""
    return save_archives(tmp_path_factory.mktemp("archives"), made)
