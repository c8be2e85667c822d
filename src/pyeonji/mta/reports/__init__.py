"""Reports that mail servers send each other: DMARC, TLS-RPT, ARF.

Reading takes octets of strangers and gives frozen values, or says why not; it
bounds what a small letter may become (`unpack`), refuses DTDs and with them all
entities (`tree`), and passes over what it doesn't know. Writing is the reverse.
Pure: no input or output, no time, no chance.
"""
