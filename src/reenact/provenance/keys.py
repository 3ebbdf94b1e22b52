"""The key that outputs are signed with: made on first use in the user's folder of settings, or the user's own.

A key made here says "the same computer as before" and not who: nobody vouches for it. It hangs from a root certificate made for
it alone, whose own key is forgotten, so that whoever trusts that root (`reenact keys export`) trusts this key and no other.
"""

from __future__ import annotations

import datetime
import os
import stat
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reenact.core.errors import ReenactError

if TYPE_CHECKING:
    from cryptography import x509

NAME = "signing.pem"
"""private key, certificate, root certificate; one file, so that it is there whole or not at all"""
FOLDER = "REENACT_CONFIG"
"""environment variable that names another folder"""
YEARS = 10
NEEDS = "signatures need: pip install 'reenact[provenance]'"


@dataclass(frozen=True)
class Signer:
    """What signs."""

    algorithm: str
    """as C2PA calls it: es256, es384, es512, ps256, ed25519"""
    chain: str
    """certificates as PEM, the signer's own first"""
    sign: Callable[[bytes], bytes]
    """bytes -> signature in the form that COSE wants"""


@dataclass(frozen=True)
class KeyInfo:
    """What can be said of the key without showing it."""

    path: Path
    fingerprint: str
    """SHA-256 of the certificate, hex"""
    until: datetime.datetime
    """the certificate's last moment, UTC"""


def config_folder() -> Path:
    """Where the user's settings lie: $REENACT_CONFIG, or the system's place for them. Raises ReenactError for a user without a
    home, as in some containers."""
    if given := os.environ.get(FOLDER):
        return Path(given)
    try:
        if sys.platform == "darwin":
            return Path.home() / "Library" / "Application Support" / "reenact"
        if os.name == "nt" and (roaming := os.environ.get("APPDATA")):
            return Path(roaming) / "reenact"
        return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "reenact"
    except RuntimeError:
        raise ReenactError(f"no home folder is known here: set {FOLDER} to a folder of your own") from None


def installed() -> bool:
    """Can anything be signed or checked here?"""
    from importlib.util import find_spec

    return find_spec("c2pa") is not None and find_spec("cryptography") is not None


def require() -> None:
    """Raises ReenactError where the extra is missing."""
    if not installed():
        raise ReenactError(NEEDS)


def own_signer() -> Signer:
    """Of the user's own key, which is made where there is none. Raises ReenactError where it cannot be made or read."""
    path = config_folder() / NAME
    if not path.is_file():
        make_key()
    _check_mode(path)
    return signer_of(path, path)


def signer_of(certificates: Path, key: Path) -> Signer:
    """Of PEM files: the certificates with the signer's own first, and its private key without a password.

    Raises ReenactError where they are missing, damaged or do not belong together.
    """
    require()
    from cryptography import x509
    from cryptography.hazmat.primitives import serialization

    chain = _read(certificates, "certificate")
    try:
        first = x509.load_pem_x509_certificates(chain)
        private = serialization.load_pem_private_key(_read(key, "private key"), None)
    except (ValueError, TypeError) as error:
        reason = "it has a password" if isinstance(error, TypeError) else "no PEM of a key and its certificates"
        remedy = "give `Marks.certificate` and `Marks.key` as PEM, without a password"
        raise ReenactError(f"{key}: cannot sign ({reason}); {remedy}") from None
    if _public(private.public_key()) != _public(first[0].public_key()):
        raise ReenactError(f"{key} is not the key of {certificates}: give the two that belong together")
    algorithm, sign = _signing(private, key)
    pem = "".join(_pem(certificate) for certificate in first)
    return Signer(algorithm, pem, sign)


def make_key() -> KeyInfo:
    """Makes a key, in place of the one there was, readable by the user alone. Raises ReenactError where it cannot be written."""
    require()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    root, leaf = (ec.generate_private_key(ec.SECP256R1()) for _ in range(2))
    certificates = _pem(_certificate(leaf, root, last=True)) + _pem(_certificate(root, root, last=False))
    form = serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    _write_private(config_folder() / NAME, leaf.private_bytes(*form) + certificates.encode())
    return show_key()


def show_key() -> KeyInfo:
    """Of the user's own key. Raises ReenactError where there is none."""
    first, _ = _own_certificates()
    from cryptography.hazmat.primitives import hashes

    return KeyInfo(config_folder() / NAME, first.fingerprint(hashes.SHA256()).hex(), first.not_valid_after_utc)


def root_certificate() -> str:
    """The certificate to trust for what the user's own key signs, as PEM. Raises ReenactError where there is none."""
    return _pem(_own_certificates()[1])


def _own_certificates() -> tuple[x509.Certificate, x509.Certificate]:
    require()
    from cryptography import x509

    path = config_folder() / NAME
    if not path.is_file():
        raise ReenactError(f"no key yet ({path}): the first signed output makes one, and so does: reenact keys new")
    try:
        first, root = x509.load_pem_x509_certificates(_read(path, "key"))
    except ValueError:
        raise ReenactError(f"{path}: the key is damaged; make another with: reenact keys new") from None
    return first, root


def _certificate(key: Any, issuer: Any, last: bool) -> x509.Certificate:
    """last: of the key that signs files; else of the root."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes
    from cryptography.x509.oid import ExtendedKeyUsageOID

    now = datetime.datetime.now(datetime.UTC)
    name = {last: "files", not last: "root"}
    uses = dict.fromkeys(
        ("content_commitment", "key_encipherment", "data_encipherment", "key_agreement", "encipher_only", "decipher_only"), False
    )
    builder = (
        x509.CertificateBuilder()
        .subject_name(_name(name[True]))
        .issuer_name(_name("root"))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=365 * YEARS))
        .add_extension(x509.BasicConstraints(not last, None if last else 0), critical=True)
        .add_extension(x509.KeyUsage(digital_signature=last, key_cert_sign=not last, crl_sign=not last, **uses), critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(issuer.public_key()), critical=False)
    )
    if last:
        builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.EMAIL_PROTECTION]), critical=False)
    return builder.sign(issuer, hashes.SHA256())


def _name(role: str) -> x509.Name:
    from cryptography import x509
    from cryptography.x509.oid import NameOID

    named = ((NameOID.ORGANIZATION_NAME, "reenact, self-made"), (NameOID.COMMON_NAME, f"self-made key ({role})"))
    return x509.Name([x509.NameAttribute(kind, value) for kind, value in named])


def _signing(private: Any, path: Path) -> tuple[str, Callable[[bytes], bytes]]:
    """C2PA's name of the algorithm, and what signs. Raises ReenactError for a kind of key that C2PA does not know."""
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature

    if isinstance(private, ed25519.Ed25519PrivateKey):
        return "ed25519", private.sign
    if isinstance(private, rsa.RSAPrivateKey) and private.key_size >= 2048:
        salted = padding.PSS(padding.MGF1(hashes.SHA256()), hashes.SHA256().digest_size)
        return "ps256", lambda data: private.sign(data, salted, hashes.SHA256())
    kinds = {256: ("es256", hashes.SHA256()), 384: ("es384", hashes.SHA384()), 521: ("es512", hashes.SHA512())}
    if not isinstance(private, ec.EllipticCurvePrivateKey) or private.curve.key_size not in kinds:
        raise ReenactError(f"{path}: C2PA knows no such key; give an EC (P-256, 384, 521), RSA (2048 on) or Ed25519 key")
    algorithm, digest = kinds[private.curve.key_size]
    length = (private.curve.key_size + 7) // 8

    def sign(data: bytes) -> bytes:
        r, s = decode_dss_signature(private.sign(data, ec.ECDSA(digest)))
        return r.to_bytes(length, "big") + s.to_bytes(length, "big")

    return algorithm, sign


def _pem(certificate: x509.Certificate) -> str:
    from cryptography.hazmat.primitives import serialization

    return certificate.public_bytes(serialization.Encoding.PEM).decode()


def _public(key: Any) -> bytes:
    from cryptography.hazmat.primitives import serialization

    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def _read(path: Path, kind: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise ReenactError(f"{path}: cannot be read ({error.strerror}); give the path of a {kind}") from None


def _check_mode(path: Path) -> None:
    """Raises ReenactError where others may read the key; Windows has no such mode."""
    if os.name != "nt" and stat.S_IMODE(path.stat().st_mode) & 0o077:
        raise ReenactError(f"{path}: others may read this key; run chmod 600 on it, or make another with: reenact keys new")


def _write_private(path: Path, data: bytes) -> None:
    """Mode 0600 from the first byte, whole or not at all; of two at once the later one stays."""
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        part.unlink(missing_ok=True)
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)
        os.replace(part, path)
    except OSError as error:
        raise ReenactError(f"{path}: the key cannot be written ({error.strerror}); set ${FOLDER} to another folder") from None
    finally:
        part.unlink(missing_ok=True)
