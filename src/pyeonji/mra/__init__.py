"""The mail retrieval agents: IMAP and POP3 doors to the mailboxes."""
