"""Scratch folders: gone with their maker, however it ends, and never another's."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from cloudlet.scratch import Scratch, becoming, sweep

MAKER = """
import sys
from pathlib import Path
from cloudlet.scratch import Scratch
mine = Scratch("law", Path(sys.argv[1]))
(mine.path / "deep" / "er").mkdir(parents=True)
(mine.path / "deep" / "er" / "file").write_text("x")
print(mine.path.name, flush=True)
sys.stdin.read()
if sys.argv[2:]:
    raise RuntimeError("it fails")
"""


class Maker:
    """A process that has made a folder, and holds it."""

    def __init__(self, place, *arguments):
        self.process = subprocess.Popen([sys.executable, "-c", MAKER, str(place), *arguments], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.folder = self.process.stdout.readline().strip()

    def end(self, how=None):
        """Let it end, by itself or by a signal."""
        if how is not None:
            self.process.send_signal(how)
        self.process.communicate()
        return self.process.returncode


def names(place):
    return sorted(one.name for one in place.iterdir())


def test_a_folder_is_its_makers_alone_and_goes_with_the_block(tmp_path):
    with Scratch("law", tmp_path) as folder:
        assert folder.stat().st_mode & 0o777 == 0o700
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
    assert names(tmp_path) == []


@pytest.mark.parametrize(("arguments", "code"), [((), 0), (("fail",), 1)])
def test_a_folder_that_nobody_removed_goes_with_the_program(tmp_path, arguments, code):
    maker = Maker(tmp_path, *arguments)
    assert names(tmp_path) == [maker.folder]
    assert maker.end() == code
    assert names(tmp_path) == []


def test_what_the_killed_have_left_goes_when_another_makes_a_folder_and_what_the_living_use_stays(tmp_path):
    killed, living = Maker(tmp_path), Maker(tmp_path)
    killed.end(signal.SIGKILL)
    assert names(tmp_path) == sorted([killed.folder, living.folder])
    with Scratch("law", tmp_path) as folder:
        assert names(tmp_path) == sorted([living.folder, folder.name])
    living.end()
    assert names(tmp_path) == []


def test_what_was_left_before_it_was_locked_goes_too(tmp_path):
    (tmp_path / "cloudlet-law-abcd1234").mkdir(mode=0o700)
    sweep(tmp_path)
    assert names(tmp_path) == []


@pytest.mark.parametrize("name", ["cloudlet-law-abcd1234", "cloudlet-demo", "cloudlet", "other"])
def test_what_nobody_has_locked_is_no_folder_of_ours(tmp_path, name):
    (tmp_path / name).mkdir(mode=0o700)
    (tmp_path / name / "thesis.tex").write_text("x")
    sweep(tmp_path)
    assert names(tmp_path / name) == ["thesis.tex"]


def test_no_link_is_followed(tmp_path):
    victim, place = tmp_path / "victim", tmp_path / "place"
    (victim / "deep").mkdir(parents=True, mode=0o700)
    victim.chmod(0o700)
    for name in (".cloudlet-lock", "file", "deep/file"):
        (victim / name).write_text("x")
    place.mkdir()
    (place / "cloudlet-law-abcd1234").symlink_to(victim)
    forged = place / "cloudlet-law-abcd1235"
    forged.mkdir(mode=0o700)
    (forged / ".cloudlet-lock").symlink_to(victim / ".cloudlet-lock")
    left = place / "cloudlet-law-abcd1236"  # by a dead maker, and it has links in it
    left.mkdir(mode=0o700)
    (left / ".cloudlet-lock").touch()
    (left / "to").symlink_to(victim)
    sweep(place)
    assert names(victim) == [".cloudlet-lock", "deep", "file"] and names(victim / "deep") == ["file"]
    assert names(place) == ["cloudlet-law-abcd1234", "cloudlet-law-abcd1235"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may give files away")
def test_what_is_another_users_stays(tmp_path):
    left = tmp_path / "cloudlet-law-abcd1234"
    left.mkdir(mode=0o700)
    (left / ".cloudlet-lock").touch()
    os.chown(left, 61_234, -1)
    sweep(tmp_path)
    assert names(tmp_path) == [left.name]


def test_what_others_may_write_into_stays(tmp_path):
    left = tmp_path / "cloudlet-law-abcd1234"
    left.mkdir()
    left.chmod(0o777)
    (left / ".cloudlet-lock").touch()
    sweep(tmp_path)
    assert names(tmp_path) == [left.name]


def test_no_sweep_takes_a_folder_from_one_who_is_about_to_lock_it(tmp_path):
    def use(number):
        with Scratch("law", tmp_path) as folder:
            (folder / "mine").write_text(str(number))
            return (folder / "mine").read_text() == str(number)

    with ThreadPoolExecutor(8) as threads:
        assert all(threads.map(use, range(400)))
    assert names(tmp_path) == []


def test_a_folder_gets_its_name_when_it_is_whole(tmp_path):
    with pytest.raises(RuntimeError), becoming(tmp_path / "made") as folder:
        (folder / "file").write_text("half")
        raise RuntimeError("it fails")
    assert names(tmp_path) == []
    with becoming(tmp_path / "made") as folder, becoming(tmp_path / "made") as slower:
        (folder / "file").write_text("x")
        (slower / "file").write_text("x")
    assert names(tmp_path) == ["made"] and names(tmp_path / "made") == ["file"]
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o755
