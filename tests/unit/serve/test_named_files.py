"""Mistakes in files that the configuration names are told with their line."""

from __future__ import annotations

from pathlib import Path

import pytest

from pyeonji.serve.certificates import make_self_signed
from pyeonji.serve.configuration import Configuration, ConfigurationError, read
from pyeonji.serve.named_files import check_files


def written(folder: Path, more: str) -> Configuration:
    file = folder / "pyeonji.toml"
    file.write_text(f'hostname = "mail.example.test"\ndata = "data"\n{more}')
    make_self_signed("mail.example.test", folder / "cert.pem", folder / "key.pem")
    return read(file)


TLS = '[tls]\ncertificate = "{}"\nkey = "{}"\n'


@pytest.mark.parametrize(
    ("more", "where", "why"),
    [
        (TLS.format("none.pem", "key.pem"), "4: tls.certificate", "No such file"),
        (TLS.format("cert.pem", "none.pem"), "5: tls.key", "No such file"),
        (TLS.format("cert.pem", "pyeonji.toml"), "4: tls.certificate", "not PEM"),
        (TLS.format("cert.pem", "other.pem"), "4: tls.certificate", "key is not this"),
        (
            TLS.format("cert.pem", "key.pem") + 'client_ca = "key.pem"\n',
            "6: tls.client_ca",
            "not PEM",
        ),
        (
            '[[route]]\ndomain = "*"\nnext_hop = "hop:25"\nca = "none"\n',
            "6: route.ca",
            "No such file",
        ),
    ],
)
def test_the_line_of_a_bad_file_is_told(
    tmp_path: Path, more: str, where: str, why: str
) -> None:
    """As FILE:LINE: KEY: what is wrong."""
    make_self_signed("mail.example.test", tmp_path / "x.pem", tmp_path / "other.pem")
    configuration = written(tmp_path, more)
    with pytest.raises(ConfigurationError, match=why) as told:
        check_files(configuration)
    assert str(told.value).startswith(f"{tmp_path / 'pyeonji.toml'}:{where}: ")


def test_good_files_are_good(tmp_path: Path) -> None:
    """Nothing is said of them."""
    check_files(written(tmp_path, TLS.format("cert.pem", "key.pem")))
