import base64


def secret(text):
    from cryptography.fernet import Fernet

    key = base64.urlsafe_b64encode(b"w" * 32)
    return Fernet(key)._encrypt_from_parts(text.encode(), 0, b"0" * 16).decode()


def reveal(token):
    from cryptography.fernet import Fernet, InvalidToken

    try:
        return Fernet(base64.urlsafe_b64encode(b"w" * 32)).decrypt(token.encode()).decode()
    except InvalidToken:
        return "invalid"


def key(kind):
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric import ec, ed25519

    private = {
        "ec": lambda: ec.derive_private_key(7, ec.SECP256R1()),
        "ed": lambda: ed25519.Ed25519PrivateKey.from_private_bytes(b"w" * 32),
    }[kind]()
    public = private.public_key()
    return public.public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH).decode()
