"""Handing letters to other hosts: which host, over which connection, in what form.

`nexthop` says whom to call (pure), `calling` opens a connection and says
hello, `session` hands over one letter, `relay` keeps connections to a next hop
while there are letters for it. What the next hop said becomes `Outcome`s; what
follows from them is `mta.queue.plan`'s business.
"""
