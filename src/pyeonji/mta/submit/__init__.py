"""What happens to an outgoing letter, whichever door it came by.

`policy` says who may send as whom, `rewrite` makes the header complete. The
SMTP doors use both for every authenticated client. A submitted letter is
composed anew (header rewritten, body as it came), which docs/decisions/0006
explains; letters of others are never changed.
"""
