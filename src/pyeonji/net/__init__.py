"""Octets between machines and the network: listeners, connections, TLS, DNS.

`connection` carries the server side of a machine over a transport, `listener`
accepts connections for it; `dial` opens connections to others, `dns` asks
names; `tls` makes contexts. Nothing here knows a protocol's words.
"""
