"""What is done with what strangers bring: small functions from facts to a decision.

`facts` says what is known, `decision` what can be done, `rules` holds the
functions between, each with a reason that a person can read. Pure: what must be
asked is asked by yielding (`lists`), time is an argument (`base.rates`).
`mta.receive.judging` finds the facts out and does what is decided.
"""
