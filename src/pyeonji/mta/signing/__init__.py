"""Signing what leaves: DKIM keys of our domains, and who signs with them.

`keys` makes keys and says when they change; `signer` signs letters, `letters`
those that do not come through a door.
"""
