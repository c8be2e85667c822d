"""What root does in the data folder ends up with the user that serves."""

from __future__ import annotations

import os
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from pyeonji.serve.configuration import parse
from pyeonji.serve.privileges import CannotBecome, become_user, give_away

AS_ROOT = pytest.mark.skipif(os.getuid() != 0, reason="only root gives files away")


@AS_ROOT
def test_files_are_given_away_but_links_are_not_followed(tmp_path: Path) -> None:
    """The folder is the user's, who may have put a link to root's files there."""
    data, outside = tmp_path / "data", tmp_path / "shadow"
    (data / "accounts" / "1").mkdir(parents=True)
    kept = data / "accounts" / "1" / "mail.db"
    kept.write_bytes(b"")
    outside.write_bytes(b"root's")
    (data / "accounts" / "link").symlink_to(outside)
    (data / "folder").symlink_to(tmp_path, target_is_directory=True)
    (data / "nowhere").symlink_to(tmp_path / "is not there")
    give_away(data, 12345, 12346)
    for path in (data, data / "accounts", kept.parent, kept):
        assert (path.stat().st_uid, path.stat().st_gid) == (12345, 12346)
    assert (data / "accounts" / "link").lstat().st_uid == 12345
    assert outside.stat().st_uid == 0
    assert tmp_path.stat().st_uid == os.getuid()


@AS_ROOT
def test_commands_of_root_become_the_user() -> None:
    """An account that root makes beside the server can be delivered to."""
    with TemporaryDirectory() as name:  # pytest's own lies where only root may go
        folder = Path(name)
        folder.chmod(0o755)
        data = folder / "data"
        source = f'hostname = "m.example.test"\ndata = "{data}"\nuser = "nobody"\n'
        child = os.fork()
        if child == 0:
            try:
                become_user(parse(source, folder / "pyeonji.toml"))
                (data / "made").write_bytes(b"")
            finally:
                os._exit(0)
        os.waitpid(child, 0)
        assert data.stat().st_uid == (data / "made").stat().st_uid != 0


@AS_ROOT
def test_a_user_who_does_not_exist_is_named(tmp_path: Path) -> None:
    """As any mistake of the file."""
    source = f'hostname = "m.example.test"\ndata = "{tmp_path}"\nuser = "no one"\n'
    with pytest.raises(CannotBecome, match="there is no 'no one'"):
        become_user(parse(source, tmp_path / "pyeonji.toml"))
