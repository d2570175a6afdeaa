"""Signatures: one key pair to a cloudlet, made with the first signature, and its certificate.

``cryptography`` is imported with the first signature and not before. The certificate is served by the
cloudlet itself, so ``SigningCertURL`` is a URL of the cloudlet; validators that look at its host have to be
told (docs/services/sns.md says how).

Source: https://docs.aws.amazon.com/sns/latest/dg/sns-verify-signature-of-message.html
"""

import base64
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import TYPE_CHECKING

import msgspec

from ...kernel import Call, Conversation
from ...kernel.place import Place
from ...store import Table
from ...wire.http import Request, Response
from .service import sns

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

_BITS = 2048
_VALID_DAYS = 3650
_LABEL = "sns"


class Signer(msgspec.Struct):
    """A key pair; ``name`` is what its certificate is called."""

    name: str
    key: bytes
    certificate: bytes


_signers = Table("sns.signers", Signer, reach="global")


def sign(call: Call, said: dict[str, str], version: str) -> str:
    """The signature of what a message says, in base64: SHA-1 with RSA in version 1, SHA-256 in version 2."""
    from cryptography.hazmat.primitives import hashes  # with what it loads 60 ms, which a start can't spare
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15  # with it

    text = "".join(f"{name}\n{said[name]}\n" for name in sorted(said))
    digest: hashes.HashAlgorithm = hashes.SHA256() if version == "2" else hashes.SHA1()
    signature = _loaded(_signer(call).key).sign(text.encode("utf-8", "surrogatepass"), PKCS1v15(), digest)
    return base64.b64encode(signature).decode()


def certificate_url(call: Call) -> str:
    """Where the certificate is that goes with our signatures."""
    return call.use(Place).site(_LABEL, f"SimpleNotificationService-{_signer(call).name}.pem")


@sns.site(_LABEL)
async def site(call: Conversation, name: str, request: Request) -> Response:
    """Give whoever asks the certificate."""
    signer = await call.transact(lambda inner: _signers.get(inner))
    if signer is None or name != f"SimpleNotificationService-{signer.name}.pem" or request.path != "/":
        return Response(404, {"content-type": "text/plain"}, b"There is no such certificate.")
    return Response(200, {"content-type": "application/x-pem-file"}, signer.certificate)


def _signer(call: Call) -> Signer:
    found = _signers.get(call)
    if found is None:
        found = _made(call)
        _signers.put(call, record=found)
    return found


def _made(call: Call) -> Signer:
    """A new key pair, with a certificate that it signed itself."""
    from cryptography import x509  # see sign
    from cryptography.hazmat.primitives import hashes, serialization  # with it
    from cryptography.hazmat.primitives.asymmetric import rsa  # with it

    key = rsa.generate_private_key(public_exponent=65537, key_size=_BITS)
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "sns.amazonaws.com"),
                         x509.NameAttribute(x509.NameOID.ORGANIZATION_NAME, "cloudlet")])
    today = datetime.fromtimestamp(call.now_ms / 1000, UTC)
    certificate = (
        x509.CertificateBuilder().subject_name(subject).issuer_name(subject).public_key(key.public_key())
        .serial_number(x509.random_serial_number()).not_valid_before(today - timedelta(days=1))
        .not_valid_after(today + timedelta(days=_VALID_DAYS)).sign(key, hashes.SHA256()))
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8,
                            serialization.NoEncryption())
    return Signer(certificate.fingerprint(hashes.SHA256()).hex()[:32], pem,
                  certificate.public_bytes(serialization.Encoding.PEM))


@lru_cache(maxsize=4)
def _loaded(pem: bytes) -> "RSAPrivateKey":
    from cryptography.hazmat.primitives.serialization import load_pem_private_key  # see sign

    key = load_pem_private_key(pem, None)
    assert hasattr(key, "sign")
    return key  # type: ignore[return-value]
