"""Reading archives that a stranger could have crafted: named, in one line, with nothing written anywhere."""

import contextlib
import io
import stat
import tarfile
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from data_prep.formats import archives
from data_prep.formats.archives import is_archive, members
from jaxpose.runtime.errors import InputError

FILES = {"a/one.txt": b"one", "a/b/two.txt": b"two" * 1000, "empty": b""}


def in_zip(path, files=FILES):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def in_tar(path, files=FILES, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        archive.addfile(entry("a/", kind=tarfile.DIRTYPE))
        for name, content in files.items():
            archive.addfile(entry(name, size=len(content)), io.BytesIO(content))
    return path


def entry(name, *, kind=tarfile.REGTYPE, size=0, target=""):
    info = tarfile.TarInfo(name)
    info.type, info.size, info.linkname = kind, size, target
    return info


def in_folder(path, files=FILES):
    for name, content in files.items():
        (path / name).parent.mkdir(parents=True, exist_ok=True)
        (path / name).write_bytes(content)
    return path


MADE = {
    "zip": in_zip,
    "tgz": in_tar,
    "tar": lambda path: in_tar(path, mode="w"),
    "xz": lambda path: in_tar(path, mode="w:xz"),
    "folder": in_folder,
}


@pytest.mark.parametrize("kind", MADE)
def test_every_kind_reads_alike_whatever_its_name(tmp_path, kind):
    source = MADE[kind](tmp_path / "SubjectSpecific_1.dat")
    assert {member.path: member.read() for member in members(source)} == FILES
    assert {member.path: member.size for member in members(source)} == {k: len(v) for k, v in FILES.items()}
    assert is_archive(source) == (kind != "folder")


@pytest.mark.parametrize("name", ["../out", "a/../../out", "/etc/out"])
@pytest.mark.parametrize("make", [in_zip, in_tar])
def test_a_path_that_leads_out_is_refused(tmp_path, make, name):
    source = make(tmp_path / "archive", {"fine": b"", name: b"x"})
    with pytest.raises(InputError, match=r"archive: member '.*out' leads out of the archive; nothing was unpacked"):
        list(members(source))
    assert [path.name for path in tmp_path.iterdir()] == ["archive"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE])
def test_links_and_devices_in_a_tar_are_refused(tmp_path, kind):
    with tarfile.open(tmp_path / "archive", "w:gz") as archive:
        archive.addfile(entry("S1/Walking.cdf", kind=kind, target="/etc/passwd"))
    with pytest.raises(InputError, match=r"member 'S1/Walking.cdf' is a link or a device; only files are read"):
        list(members(tmp_path / "archive"))


def test_a_link_in_a_zip_is_refused(tmp_path):
    link = zipfile.ZipInfo("S1/Walking.cdf")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "archive", "w") as archive:
        archive.writestr(link, "/etc/passwd")
    with pytest.raises(InputError, match="is a link or a device"):
        list(members(tmp_path / "archive"))


@pytest.mark.parametrize("make", [in_zip, in_tar])
@pytest.mark.parametrize("limit", ["LARGEST_BYTES", "LARGEST_TOTAL_BYTES"])
def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path, monkeypatch, make, limit):
    monkeypatch.setattr(archives, limit, 10**6)
    source = make(
        tmp_path / "archive", {"one": bytes(700_000), "two": bytes(700_000 + 600_000 * ("TOTAL" not in limit))}
    )
    assert source.stat().st_size < 10_000
    with pytest.raises(InputError, match=r"member 'two' unpacks to .* bytes, .* more than motion data ever have"):
        list(members(source))


def test_a_header_that_lies_about_its_size_gives_no_more_than_it_says(tmp_path):
    source = in_zip(tmp_path / "archive", {"one": bytes(1000)})
    lying = source.read_bytes().replace((1000).to_bytes(4, "little"), (10).to_bytes(4, "little"))
    source.write_bytes(lying)
    (member,) = members(source)
    with pytest.raises(InputError, match="damaged or incomplete"):
        member.read()


@pytest.mark.parametrize("make", [in_zip, in_tar])
@pytest.mark.parametrize("kept", [0.0, 0.3, 0.9])
def test_a_truncated_archive_is_named(tmp_path, make, kept):
    source = make(tmp_path / "archive", {"one": b"1" * 10_000, "two": bytes(range(256)) * 40})
    content = source.read_bytes()
    source.write_bytes(content[: int(kept * len(content))])
    with pytest.raises(InputError, match="archive: not a zip or tar archive, or damaged or incomplete"):
        [member.read() for member in members(source)]


def test_nothing_there(tmp_path):
    with pytest.raises(InputError, match="nowhere: no such file or folder"):
        list(members(tmp_path / "nowhere"))
    assert not is_archive(tmp_path / "nowhere")


@pytest.mark.parametrize("make", [in_zip, in_tar])
@given(data=st.data())
def test_damage_raises_input_errors_alone(tmp_path_factory, make, data):
    source = make(tmp_path_factory.mktemp("fuzz") / "archive")
    content = bytearray(source.read_bytes())
    for _ in range(data.draw(st.integers(1, 8))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    source.write_bytes(content)
    with contextlib.suppress(InputError):
        assert sum(len(member.read()) for member in members(source)) < 10**6
