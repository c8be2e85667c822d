"""What a domain has to say in DNS so that its mail is found and believed.

`records` computes every record from facts about this host and the domain;
`zone` writes them as a zone file. The same records are what `pyeonji doctor`
looks for. Pure: facts come in, nothing is asked.
"""
