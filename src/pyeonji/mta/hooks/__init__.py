"""Programs and services that have a say about clients and letters.

`session` is what the door speaks to; `milter`, `rspamd` and `python` stand
behind it. A hook decides in policy's words (`mta.policy.decision`), and at the
end of a letter it may also change the header.
"""
