"""What this host says over HTTP: policies, set-up for programs, challenges.

`app` is the ASGI application; `autoconfig` writes what Thunderbird, Outlook and
their likes read; `server` runs the application on our listeners inside the
worker's loop. Nothing here needs a login, and nothing says who exists.
"""
