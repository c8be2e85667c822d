"""Who is speaking: SASL mechanisms (RFC 4422), both sides, for all protocols.

`server.begin` conducts the server's side by the steps of `steps`, `client.begin`
the client's. `keys` makes what a SCRAM server keeps, `prep` prepares names and
passwords. Base64 around messages is the protocols' business, and so is what an
authenticated name may do.

PLAIN, LOGIN, SCRAM-SHA-1, SCRAM-SHA-256 (and their -PLUS where the door has a
channel binding), CRAM-MD5, EXTERNAL, OAUTHBEARER, XOAUTH2: `server.MECHANISMS`.
"""
