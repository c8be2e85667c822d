"""Signing what leaves: DKIM keys of our domains, and who signs with them.

`keys` makes keys and says when they change; `signer` signs letters, in a
thread of its own, so that the loop does not wait for RSA.
"""
