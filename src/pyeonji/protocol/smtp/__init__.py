"""SMTP, submission and LMTP conversations, both sides, without input or output.

`server` is the machine that listens, `client` the one that calls; `events`
says what the server tells its door, `outcomes` what the client tells the
relay. `state` holds the table of what may follow what; `paths`, `parameters`
and `xtext` parse strictly; `body` finds the one true end of a letter.

Never here: who may send what to whom, where a letter goes, what time it is.

Start at the docstring of `server` (doors) or `client` (relay, mail client).
"""
