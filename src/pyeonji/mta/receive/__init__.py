"""The SMTP door: for strangers who bring mail to us, and for our own users.

A stranger may bring mail for recipients that we know, for postmaster, and for
the domains of named routes (we are their relay: docs/decisions/0004). All else
needs AUTH; an authenticated client's letters take the way of `mta.submit`,
whatever port he came to. A letter is answered 250 when the queue says that it
is stable; before that anything can still be refused, after it nothing is lost.

Start at `door`; `receiver` is what all doors of a process share.
"""
