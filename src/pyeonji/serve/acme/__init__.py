"""Certificates that come by themselves (RFC 8555).

`plan` decides, purely, for which names and when. `folder` is what is kept:
account key, certificate, open challenges. `issue` speaks with the authority and
blocks; `keeper` has it done in a thread of one worker, and makes every worker
show a certificate file that has changed.
"""
