"""Conversations without input or output.

A machine is fed octets (`receive_data`), gives events (`next_event`), is told
what to answer, and gives octets to send (`data_to_send`). It knows no socket,
no clock and no chance: what it needs of them is an argument. So every protocol
can be tested by calling functions, and run over anything.

`machine` says what all machines share, `lines` reads lines, `sasl` is common
to all protocols; the protocols themselves don't know each other.
"""
