"""The mail transfer agent: takes letters in and sends them on.

`receive` is the SMTP door, `submit` what happens to our own users' letters,
`queue` decides and does what comes next, `relay` speaks to other hosts, `dsn`
tells senders what became of their letters. A letter is taken only when the
queue says that it is stable, and leaves the queue only when each recipient has
reached an end that is stable too.

How it is put together, once for each worker process::

    from pyeonji.mta.options import Options, Route
    from pyeonji.mta.queue.runner import Runner
    from pyeonji.mta.receive.receiver import DoorKind, Receiver
    from pyeonji.mta.relay.relay import Relay

    aliases = Aliases(directory, hostname=hostname)
    deliverer = Deliverer(aliases, store)
    runner = Runner(
        options=options, queue=queue, clock=clock,
        relay=Relay(options, Resolver(dns_servers)),
        deliver=deliverer.deliver, sync=store.sync,
        expand=aliases.expand, is_local=aliases.is_local, office=office,
    )
    receiver = Receiver(
        options=options, directory=directory, queue=queue, office=office,
        authenticator=authenticator, expand=aliases.expand,
        is_local=aliases.is_local, clock=clock, next_id=letter_ids(worker, ...),
        take=runner.take, runner=runner,
    )
    runner.start()                     # on the loop; at the end: await runner.stop()
    kind = DoorKind(submission=False, plaintext_auth=False)
    make_door = lambda connection: receiver.door(connection, kind)
"""
