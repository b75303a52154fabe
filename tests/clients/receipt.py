"""Verifies a receipt with jwcrypto, which knows nothing of Touchstone: receipt.py RECEIPT KEYS. Prints what was signed."""

import sys

try:
    from jwcrypto import jwk, jws
except ModuleNotFoundError:
    sys.exit(77)

receipt, keys = (open(path, encoding="utf-8").read() for path in sys.argv[1:3])
token = jws.JWS()
token.deserialize(receipt)
# The key by its id out of the published set, never the one that travels along.
key = jwk.JWKSet.from_json(keys).get_key(token.jose_header["kid"])
assert key.thumbprint() == token.jose_header["kid"], "a key's id is its thumbprint"
token.verify(key)
print(token.payload.decode())
