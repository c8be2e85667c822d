"""The letter itself: RFC 5322, MIME, encodings and charsets. Pure functions.

Octets are the truth. `scan` finds where each part of a message begins and
ends and copies nothing but headers; everything else (text, addresses, dates,
ENVELOPE, BODYSTRUCTURE) is made from those offsets when it is asked for.
`prepare` asks once, when a message arrives, for all that reading will need,
so that reading never parses.

Kept everywhere: a parser takes any octets and raises nothing; what is wrong
is noted as a defect and read as well as can be; time and memory grow with the
length of the input, never faster, and every count has a limit (base.limits).
A line may end at LF or CRLF here; strictness about line ends is the doors'
business, and so are the paths of an SMTP envelope.

Never here: input or output, clocks, chance, a locale.

Where to start:

    scan       the structure: `Part`, `scan`
    header     fields, raw and decoded;  words, parameters: what is inside them
    charset    octets to text, whatever the label says;  encoding: base64 & Co.
    address, date, ids, thread   what single fields say
    envelope, structure, parts   what IMAP asks, ready for the wire
    text       what can be searched and previewed
    prepare    all of it in one value, for storage
    inspect    all of it as JSON, for people
    compose/, convert, report    writing messages
"""
