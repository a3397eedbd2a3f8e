"""TLS: a certificate is verified, its name too; an authority of one's own can be named."""

import asyncio
import datetime as dt
import ipaddress
import ssl
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from syncd.domain.resources import PRODUCTS
from syncd.errors import RemoteDown, SettingsProblem
from syncd.ports import Listing
from syncd.remote.settings import RemoteSettings
from tests.remote.doubles import PURPOSE, rig, shop_of
from tests.remote.test_real_wire import BODY, Server, said


def self_signed(folder: Path, address: str) -> tuple[Path, Path]:
    """A key and a certificate for one IP address, good for a day."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "a shop")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address(address))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    key_file, certificate_file = folder / "key.pem", folder / "certificate.pem"
    plain = serialization.NoEncryption()
    form = (serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    key_file.write_bytes(key.private_bytes(*form))
    certificate_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    return key_file, certificate_file


@pytest.mark.parametrize(
    ("address", "trusted", "reached"),
    [("127.0.0.1", True, True), ("127.0.0.1", False, False), ("127.0.0.2", True, False)],
    ids=["trusted", "unknown authority", "another name"],
)
def test_certificates_are_verified(tmp_path: Path, address: str, trusted: bool, reached: bool) -> None:
    key_file, certificate_file = self_signed(tmp_path, address)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate_file, key_file)

    async def scenario() -> None:
        server = Server(said(BODY))
        listener = await asyncio.start_server(server.talk, "127.0.0.1", 0, ssl=context)
        shop = shop_of(f"https://127.0.0.1:{listener.sockets[0].getsockname()[1]}")
        settings = RemoteSettings(ca_file=str(certificate_file) if trusted else "", tries=1)
        async with rig(None, shop=shop, settings=settings) as it:
            if reached:
                assert (await it.gateway.page(Listing(PRODUCTS), PURPOSE)).items
            else:
                with pytest.raises(RemoteDown) as caught:
                    await it.gateway.page(Listing(PRODUCTS), PURPOSE)
                assert "certificate" in caught.value.hint
                assert server.requests == []
        listener.close()

    asyncio.run(scenario())


def test_an_authority_file_that_is_none(tmp_path: Path) -> None:
    async def scenario(path: Path) -> None:
        with pytest.raises(SettingsProblem, match="ca_file"):
            async with rig(None, shop=shop_of("https://x.example"), settings=RemoteSettings(ca_file=str(path))):
                pass

    asyncio.run(scenario(tmp_path / "absent.pem"))
    (tmp_path / "empty.pem").write_text("no certificate")
    asyncio.run(scenario(tmp_path / "empty.pem"))
