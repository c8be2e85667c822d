"""The mail delivery agent: who a recipient really is, and into which mailbox.

`aliases` turns an address into the accounts and foreign addresses that it
stands for; `deliver` puts a letter into an account's mailbox; `lmtp` is the
door for programs that hand letters over for delivery and want to know of each
recipient at once (RFC 2033).
"""
