"""Whom a batch hands its work to: a scheduler over TLS, or one on this machine."""

from __future__ import annotations

import pytest

from medai import cli
from medai.batch.cluster import _protected, scheduler_client
from medai.errors import InputError

distributed = pytest.importorskip("distributed")


@pytest.mark.parametrize(
    "address",
    ["tcp://10.0.0.5:8786", "10.0.0.5:8786", "tcp://cluster.hospital:8786", "tcp://[fe80::1]:8786"],
)
def test_a_scheduler_elsewhere_without_tls_is_refused(address):
    with pytest.raises(InputError, match="--insecure"), scheduler_client(address):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:9", "localhost:9", "tcp://[::1]:9"])
def test_one_on_this_machine_is_taken(address, monkeypatch):
    monkeypatch.setattr("medai.batch.cluster._CONNECT_SECONDS", 1)
    with pytest.raises(InputError, match="No Dask scheduler"), scheduler_client(address):
        pass


def test_insecure_has_to_be_said(monkeypatch):
    monkeypatch.setattr("medai.batch.cluster._CONNECT_SECONDS", 1)
    with (
        pytest.raises(InputError, match="No Dask scheduler"),
        scheduler_client("tcp://192.0.2.1:9", insecure=True),
    ):
        pass


@pytest.mark.parametrize("address", ["", "ws://127.0.0.1:1", "inproc://1", "tls://", "://x"])
def test_any_other_address_is_refused(address):
    with pytest.raises(InputError, match="expected an address"), scheduler_client(address):
        pass


def test_tls_needs_its_certificates(tmp_path):
    with pytest.raises(InputError, match=r"ca\.pem, cert\.pem, key\.pem"):
        scheduler_client("tls://127.0.0.1:9").__enter__()
    with pytest.raises(InputError, match=r"ca\.pem doesn't exist"):
        scheduler_client("tls://127.0.0.1:9", certificates=tmp_path).__enter__()
    with pytest.raises(InputError, match="for tls://"):
        scheduler_client("tcp://127.0.0.1:9", certificates=tmp_path).__enter__()


def test_a_scheduler_over_tls_is_met_with_its_certificates_only(tmp_path, monkeypatch):
    pytest.importorskip("cryptography")
    ours, theirs = (distributed.Security.temporary() for _ in range(2))
    for name, security in (("ours", ours), ("theirs", theirs)):
        folder = tmp_path / name
        folder.mkdir()
        (folder / "ca.pem").write_text(security.tls_ca_file)
        (folder / "cert.pem").write_text(security.tls_client_cert)
        (folder / "key.pem").write_text(security.tls_client_key)
    monkeypatch.setattr("medai.batch.cluster._CONNECT_SECONDS", 5)
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tls://",
        security=ours,
        dashboard_address=None,
        silence_logs=50,
    ) as cluster:
        address = cluster.scheduler_address
        with scheduler_client(address, certificates=tmp_path / "ours") as client:
            assert client.submit(abs, -3).result(timeout=30) == 3
        with (
            pytest.raises(InputError, match="No Dask scheduler"),
            scheduler_client(address, certificates=tmp_path / "theirs"),
        ):
            pass


def test_a_job_queue_starts_its_workers_safely(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    usual = _protected({"cores": 1})
    assert usual["security"] is True and usual["python"].endswith(" -P")
    assert (tmp_path / "MedAI" / "Cluster").stat().st_mode & 0o77 == 0
    assert _protected({"protocol": "tcp://", "python": "p"}).keys() == {"protocol", "python"}


def test_the_options_belong_to_a_scheduler(tmp_path, capsys):
    (tmp_path / "list.csv").write_text("study\nx\n")
    arguments = ["batch", str(tmp_path / "list.csv"), "--task", "agree", "-o", str(tmp_path / "o")]
    assert cli.run([*arguments, "--insecure"]) == 2
    assert "--scheduler" in capsys.readouterr().err
    assert cli.run([*arguments, "--scheduler", "tcp://192.0.2.1:1"]) == 2
    assert "--insecure" in capsys.readouterr().err
