"""The one place that knows everything: configuration, assembly, processes, commands.

`configuration` reads the TOML file into frozen values; `assembly` builds one
worker's stations out of them and wires their sideways needs; `worker` runs
that on an event loop, `supervisor` keeps the workers alive; `cli` is the
command `pyeonji`.
"""
