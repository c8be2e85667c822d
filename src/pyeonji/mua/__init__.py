"""The mail client: writes, sends, reads and files letters on any server.

It speaks to servers only as every client does, over SMTP, IMAP and POP3, and
never sees storage. `agent` does the work and knows no terminal; `cli` is the
command `pyeonji mail`. Whatever comes from a letter or a server is hostile:
it reaches a terminal only with its control characters made visible, and a
file system only under a name that we have made harmless.
"""
