"""Providers over TLS: who they say they are is checked, and one that is not who it should be is a failed connection."""

import shutil
import ssl
import subprocess

import pytest
from envoy_lab import Upstream, running_lab

from extproc.config.snapshot import Provider

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl makes the certificates")


def openssl(folder, *arguments):
    subprocess.run(["openssl", *arguments], cwd=folder, check=True, capture_output=True)


@pytest.fixture(scope="module")
def certificates(tmp_path_factory):
    """An authority, and servers it vouches for under one name each."""
    folder = tmp_path_factory.mktemp("tls")
    key = ("-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes")
    openssl(folder, "req", "-x509", *key, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=authority")
    for name, subject in {"right": "DNS:localhost,IP:127.0.0.1", "wrong": "DNS:other.example"}.items():
        openssl(folder, "req", *key, "-keyout", f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        (folder / "extensions").write_text(f"subjectAltName={subject}")
        issue = ("-CA", "ca.pem", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", "extensions")
        openssl(folder, "x509", "-req", "-in", f"{name}.csr", "-out", f"{name}.pem", *issue)
    return folder


def server(certificates, name, hellos):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificates / f"{name}.pem", certificates / f"{name}.key")
    context.set_alpn_protocols(["http/1.1"])
    context.sni_callback = lambda connection, sni, _: hellos.append((sni, connection))
    return Upstream(name, context)


@pytest.fixture(scope="module")
def hellos():
    return []


@pytest.fixture(scope="module")
def lab(certificates, hellos):
    right, wrong = server(certificates, "right", hellos), server(certificates, "wrong", [])
    ca = str(certificates / "ca.pem")
    with running_lab() as made:
        made.more += [
            Provider("by-name", "openai", f"https://localhost:{right.server_port}", ca_file=ca),
            Provider("by-address", "openai", f"https://127.0.0.1:{right.server_port}", ca_file=ca),
            Provider("wrong-name", "openai", f"https://localhost:{wrong.server_port}", ca_file=ca),
            Provider("wrong-address", "openai", f"https://127.0.0.1:{wrong.server_port}", ca_file=ca),
            Provider("unknown-authority", "openai", f"https://localhost:{right.server_port}"),
        ]
        with made.envoy(made.bootstrap()):
            yield made
    for upstream in (right, wrong):
        upstream.shutdown()
        upstream.server_close()


@pytest.mark.parametrize(("provider", "sni"), [("by-name", "localhost"), ("by-address", None)])
def test_the_name_asked_for_is_the_one_of_the_base_url(lab, hellos, provider, sni):
    hellos.clear()
    assert lab.post(chain=[provider]).text == "right 2"
    [(asked, connection)] = hellos
    assert (asked, connection.version(), connection.selected_alpn_protocol()) == (sni, "TLSv1.3", "http/1.1")


@pytest.mark.parametrize("provider", ["wrong-name", "wrong-address", "unknown-authority"])
def test_nobody_else_is_spoken_to(lab, provider):
    answer = lab.post(chain=[provider])
    assert (answer.status_code, answer.json()["code"]) == (503, "provider_unreachable")
    assert lab.post(chain=[provider, "one"], retries=1, retry_on="connect-failure").text == "one 2"
