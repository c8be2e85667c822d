"""Milters: what an MTA says to a mail filter and hears of it (version 6).

The protocol is Sendmail's; its only text is libmilter's header files. A packet
is a length of four octets, a command of one, and its data. Pure: `packets`
writes what we say, `replies` reads what comes back, `Incoming` cuts packets.
"""
