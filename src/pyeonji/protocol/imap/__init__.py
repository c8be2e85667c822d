"""IMAP4rev1 as a conversation (RFC 3501 and extensions), both sides.

The server side: `server.ServerMachine` is fed octets and gives whole commands
(`commands`), each parsed once, with the state in which it may come checked
(`table`). `responses` makes the octets that go back. The mailbox itself is
somebody else's business (`pyeonji.mra.imap`). `client` is the other side.

To add a command: a value in `commands`, a parse function beside its family
(`parse_mailbox`, `parse_message`, `parse_search`, `parse_fetch`), a row in
`table`, a handler in `pyeonji.mra.imap`. To add a fetch item or search key:
a row in the table of its parser. To announce it: a row in `capabilities`.
"""
