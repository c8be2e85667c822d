"""편지 (*pyeonji*, a letter): a complete Internet e-mail system.

The way of a letter through the packages::

    mua  compose -> mta submit -> mta queue -> mta relay ... the Internet ...
    mta receive -> mta queue -> mda deliver -> storage -> mra imap/pop3 -> mua read

Start reading at docs/architecture.md.
"""

__version__ = "0.1.0"
