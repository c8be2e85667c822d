"""Settings of policy and of what it judges by: [policy], [[policy.list]], [trust]."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pyeonji.base.rates import Rate
from pyeonji.mta.hooks.options import (
    EVENTS,
    MilterOptions,
    PythonOptions,
    RspamdOptions,
    WebhookOptions,
)
from pyeonji.mta.policy.habits import AccountOptions
from pyeonji.mta.policy.lists import NAMES, SAFE_TO_TRUST, DnsList, answer_range
from pyeonji.mta.policy.options import PolicyOptions
from pyeonji.mta.trust.options import TrustOptions
from pyeonji.serve.values import (
    ValueRefused,
    boolean,
    domain_name,
    duration_s,
    endpoint,
    networks,
    octets,
    one_of,
    path,
    positive,
    rate,
    text,
    texts,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    Table = Callable[..., dict[str, Any]]


MIN_SECRET_OCTETS: Final = 16
"""Of a secret that signs webhooks."""

_WORD: Final = one_of("reject", "defer", "quarantine", "note")


def read_filters(table: Table, wanted: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Take out of `wanted` the tables of all that judges letters.

    Raises:
        ValueRefused: something in one of them can't be.
    """
    found: dict[str, Any] = {
        "policy": read_policy(table, wanted.pop("policy", {}), wanted["hostname"]),
        "milters": read_milters(table, wanted.pop("milter", [])),
        "hooks": read_hooks(table, wanted.pop("hook", []), folder),
    }
    found["webhooks"] = read_webhooks(table, wanted.pop("webhook", []), folder)
    if "rspamd" in wanted:
        found["rspamd"] = read_rspamd(table, wanted.pop("rspamd"))
    return found


def read_policy(table: Table, tree: Any, hostname: str) -> PolicyOptions:
    """The table [policy].

    Raises:
        ValueRefused: something in it can't be.
    """
    wanted = table(
        tree,
        ("policy",),
        dmarc=one_of("obey", "quarantine", "ignore"),
        spf_fail=_WORD,
        trusted_sealers=_domains,
        exempt=networks,
        early_talkers=_WORD,
        own_name=_WORD,
        banner_delay=duration_s,
        greylist=boolean,
        greylist_delay=duration_s,
        remember_senders=boolean,
        letter_rate=_rate,
        recipient_rate=_rate,
        max_unknown_recipients=positive,
        tarpit=duration_s,
        list_time=duration_s,
        list=list,
        accounts=dict,
    )
    for name in ("banner_delay", "greylist_delay", "tarpit", "list_time"):
        if name in wanted:
            wanted[f"{name}_s"] = wanted.pop(name)
    dmarc = wanted.pop("dmarc", "obey")
    if dmarc == "quarantine":
        wanted["dmarc_reject"] = "quarantine"
    elif dmarc == "ignore":
        wanted["dmarc_reject"] = wanted["dmarc_quarantine"] = "note"
    lists = tuple(
        _list(table, each, ("policy", "list", index))
        for index, each in enumerate(wanted.pop("list", []))
    )
    accounts = _accounts(table, wanted.pop("accounts", {}))
    return PolicyOptions(hostname=hostname, lists=lists, accounts=accounts, **wanted)


def _accounts(table: Table, tree: Any) -> AccountOptions:
    wanted = table(
        tree,
        ("policy", "accounts"),
        letter_rate=_rate,
        recipient_rate=_rate,
        hold=boolean,
        usual_recipients=positive,
        factor=positive,
        failures=positive,
        hold_time=duration_s,
    )
    if "hold_time" in wanted:
        wanted["hold_s"] = wanted.pop("hold_time")
    return AccountOptions(**wanted)


def read_milters(table: Table, trees: list[Any]) -> tuple[MilterOptions, ...]:
    """The tables [[milter]]."""
    return tuple(
        _milter(table, tree, ("milter", index)) for index, tree in enumerate(trees)
    )


def read_hooks(
    table: Table, trees: list[Any], folder: Path
) -> tuple[PythonOptions, ...]:
    """The tables [[hook]]."""
    found = []
    for index, tree in enumerate(trees):
        where = ("hook", index)
        wanted = table(
            tree,
            where,
            module=text,
            folder=path(folder),
            default=one_of("tempfail", "accept", "reject", "quarantine"),
            time=duration_s,
            submission=boolean,
        )
        if "module" not in wanted:
            raise ValueRefused("is missing", (*where, "module"))
        if "time" in wanted:
            wanted["time_s"] = wanted.pop("time")
        wanted.setdefault("folder", folder)
        found.append(PythonOptions(**wanted))
    return tuple(found)


def read_webhooks(
    table: Table, trees: list[Any], folder: Path
) -> tuple[WebhookOptions, ...]:
    """The tables [[webhook]]."""
    found = []
    for index, tree in enumerate(trees):
        where = ("webhook", index)
        wanted = table(tree, where, url=_url, secret_file=path(folder), events=_events)
        for key in ("url", "secret_file"):
            if key not in wanted:
                raise ValueRefused("is missing", (*where, key))
        file = wanted.pop("secret_file")
        try:
            secret = file.read_bytes().strip()
        except OSError as error:
            raise ValueRefused(str(error), (*where, "secret_file")) from None
        if len(secret) < MIN_SECRET_OCTETS:
            raise ValueRefused("the secret is too short", (*where, "secret_file"))
        found.append(WebhookOptions(secret=secret, **wanted))
    return tuple(found)


def _events(value: Any) -> tuple[str, ...]:
    return tuple(one_of(*EVENTS)(item) for item in texts(value))


def read_rspamd(table: Table, tree: Any) -> RspamdOptions:
    """The table [rspamd]."""
    wanted = table(
        tree,
        ("rspamd",),
        url=_url,
        time=duration_s,
        spam=_WORD,
        submission=boolean,
        max_size=octets,
    )
    if "url" not in wanted:
        raise ValueRefused("is missing", ("rspamd", "url"))
    if "time" in wanted:
        wanted["time_s"] = wanted.pop("time")
    if "max_size" in wanted:
        wanted["max_octets"] = wanted.pop("max_size")
    return RspamdOptions(**wanted)


def _url(value: Any) -> str:
    if not text(value).startswith(("http://", "https://")):
        raise ValueRefused('must be a URL such as "http://127.0.0.1:11333"')
    return str(value)


def _milter(table: Table, tree: Any, where: tuple[str | int, ...]) -> MilterOptions:
    wanted = table(
        tree,
        where,
        address=_milter_address,
        default=one_of("tempfail", "accept", "reject", "quarantine"),
        submission=boolean,
        may_change_body=boolean,
        may_change_recipients=boolean,
        may_change_sender=boolean,
        reuse=boolean,
        connect_time=duration_s,
        command_time=duration_s,
        end_time=duration_s,
        total_time=duration_s,
    )
    if "address" not in wanted:
        raise ValueRefused("is missing", (*where, "address"))
    for name in ("connect", "command", "end", "total"):
        if f"{name}_time" in wanted:
            wanted[f"{name}_s"] = wanted.pop(f"{name}_time")
    return MilterOptions(**wanted)


def _milter_address(value: Any) -> str:
    kind, colon, rest = text(value).partition(":")
    if not colon or kind not in {"inet", "unix", "local"} or not rest:
        raise ValueRefused('must be "inet:HOST:PORT" or "unix:PATH"')
    if kind == "inet":
        endpoint(rest)
    return f"{kind}:{rest}"


def read_trust(table: Table, tree: Any, hostname: str) -> TrustOptions:
    """The table [trust].

    Raises:
        ValueRefused: something in it can't be.
    """
    wanted = table(
        tree,
        ("trust",),
        check=boolean,
        authserv_id=domain_name,
        others=_names,
        trusted=networks,
        private=boolean,
        received_spf=boolean,
        organizational_domain=one_of("walk", "list"),
        time=duration_s,
    )
    if "time" in wanted:
        wanted["time_s"] = wanted.pop("time")
    by = wanted.pop("organizational_domain", "walk")
    wanted.setdefault("authserv_id", hostname)
    return TrustOptions(suffix_list=by == "list", **wanted)


def _names(value: Any) -> tuple[str, ...]:
    return tuple(domain_name(each) for each in texts(value))


def _list(table: Table, tree: Any, where: tuple[str | int, ...]) -> DnsList:
    wanted = table(
        tree,
        where,
        zone=domain_name,
        of=one_of("address", "domain"),
        names=_list_names,
        action=_LIST_ACTION,
        answers=_ranges,
        codes=_codes,
        text=text,
    )
    if "zone" not in wanted:
        raise ValueRefused("is missing", (*where, "zone"))
    made = DnsList(**wanted)
    if made.of == "address" and "names" in wanted:
        raise ValueRefused('is only for of = "domain"', (*where, "names"))
    actions = {made.action, *(action for _, _, action in made.codes)}
    if made.of == "domain" and "accept" in actions and set(made.names) - SAFE_TO_TRUST:
        # anybody can say HELO by any name
        raise ValueRefused("cannot be used to accept", (*where, "names"))
    return made


_LIST_ACTION: Final = one_of("reject", "defer", "quarantine", "accept", "note")


def _list_names(value: Any) -> tuple[str, ...]:
    return tuple(one_of(*NAMES)(item) for item in texts(value))


def _codes(value: Any) -> tuple[tuple[int, int, str], ...]:
    if not isinstance(value, dict):
        raise ValueRefused('must be a table such as { "127.0.0.2" = "reject" }')
    found = []
    for key, action in value.items():
        ((low, high),) = _ranges([key])
        found.append((low, high, _LIST_ACTION(action)))
    return tuple(found)


def _ranges(value: Any) -> tuple[tuple[int, int], ...]:
    try:
        return tuple(answer_range(item) for item in texts(value))
    except ValueError as error:
        raise ValueRefused(str(error)) from None


def _domains(value: Any) -> frozenset[str]:
    return frozenset(domain_name(item) for item in texts(value))


def _rate(value: Any) -> Rate:
    return Rate(*rate(value))
