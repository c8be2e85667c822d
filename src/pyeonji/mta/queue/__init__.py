"""From accepted to settled: who is tried when, and what came of it.

`plan` decides (pure), `runner` carries it out. A letter is tried at once after
it was accepted; what must wait is loaded again when it is due.
"""
