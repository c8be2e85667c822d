"""The headless mail client: profiles, sessions with servers, letters to show.

Start at `profiles` (which servers, which address), then `sending`, `imap` and
`pop3` (sessions), `show` (letters as text for people) and `files` (names).
"""
