"""Forwarding: letters for aliases that lead elsewhere, sent on with good manners.

The envelope's sender becomes an address of ours that leads back (`srs`), so
that SPF passes at the next hop; what we found when the letter came is sealed
(ARC); header and body stay as they are, with the signatures of others.
"""
