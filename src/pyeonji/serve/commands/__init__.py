"""The commands, one family a module; they work with the server up or down."""
