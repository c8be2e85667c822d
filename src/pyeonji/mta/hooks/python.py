"""Asking the operator's own Python (`pyeonji.hooks`)."""

from __future__ import annotations

import asyncio
import importlib
import inspect
import re
import sys
from typing import TYPE_CHECKING, Any, Final

import structlog

from pyeonji import hooks as public
from pyeonji.base.errors import PermanentError, TemporaryError
from pyeonji.message.header import FIELD
from pyeonji.mta.hooks import editing
from pyeonji.mta.hooks.session import NOTHING, Edit, Verdict
from pyeonji.mta.hooks.threads import AllBusy, Threads
from pyeonji.mta.policy.decision import (
    Decision,
    accept,
    defer,
    quarantine,
    reject,
)
from pyeonji.mta.receive.inspect import header_end
from pyeonji.storage.content import BlobFile

if TYPE_CHECKING:
    from collections.abc import Sequence

    from pyeonji.message.prepare import Prepared
    from pyeonji.mta.hooks.options import PythonOptions
    from pyeonji.mta.hooks.session import Arriving, Peer
    from pyeonji.mta.needs import Deliver, Placed
    from pyeonji.storage.content import Content

HEADER_SHOWN: Final = 1024 * 1024
STAGES: Final = ("connect", "mail", "rcpt", "message", "deliver")

_MODULE: Final = re.compile(r"[A-Za-z_][\w.]*:[A-Za-z_]\w*")
_STATUS: Final = re.compile(r"[45]\.\d{1,3}\.\d{1,3}")

log = structlog.get_logger("pyeonji.mta.hooks")


class HookRefused(PermanentError):
    """A hook that cannot be used, and why."""


class DeliveryRefused(PermanentError):
    """A hook does not want the letter delivered."""


class DeliveryDeferred(TemporaryError):
    """A hook wants the letter delivered later."""


class HookFailed(Exception):
    """It raised, was late, or answered what is no decision."""


def load(options: PythonOptions) -> public.Hook:
    """Import and make a hook.

    Raises:
        HookRefused: it cannot be imported, or is none.
    """
    if _MODULE.fullmatch(options.module) is None:
        raise HookRefused(f'{options.module}: must be "module:Class"')
    module, _, name = options.module.partition(":")
    folder = str(options.folder) if options.folder is not None else ""
    if folder and folder not in sys.path:
        sys.path.insert(0, folder)
    try:
        made = getattr(importlib.import_module(module), name)()
    except Exception as error:  # whatever somebody's module raises
        raise HookRefused(f"{options.module}: {error!r}") from error
    if not isinstance(made, public.Hook):
        raise HookRefused(f"{options.module}: is no pyeonji.hooks.Hook")
    return made


class PythonHook:
    """See Hook."""

    def __init__(self, options: PythonOptions, hook: public.Hook) -> None:
        self.options = options
        self.stages = {
            stage: getattr(hook, stage)
            for stage in STAGES
            if getattr(type(hook), stage) is not getattr(public.Hook, stage)
        }
        self.threads = Threads(options.module, options.time_s)

    @property
    def name(self) -> str:
        """See Hook."""
        return f"hook {self.options.module}"

    @property
    def submission(self) -> bool:
        """See Hook."""
        return self.options.submission

    def session(self, peer: Peer) -> PythonSession:
        """See Hook."""
        return PythonSession(self, peer)

    async def close(self) -> None:
        """See Hook: it lives as long as its process, through any `Judge`."""

    def end(self) -> None:
        """The process ends: no function begins any more."""
        self.threads.end()

    async def ask(self, stage: str, event: object) -> public.Decision | None:
        """What it says at a stage; must run in a task.

        Raises:
            HookFailed: nothing that can be used; it is logged.
        """
        method = self.stages.get(stage)
        if method is None:
            return None
        try:
            answer = await self._called(method, event)
            if answer is not None and not isinstance(answer, public.Decision):
                raise TypeError(f"{answer!r} is no decision")  # noqa: TRY301 - named below
        except AllBusy as error:  # it was told of each that hangs
            log.warning("hook.busy", hook=self.options.module, stage=stage)
            raise HookFailed(str(error)) from error
        except Exception as error:  # whatever somebody's code raises
            log.exception("hook.failed", hook=self.options.module, stage=stage)
            raise HookFailed(str(error) or type(error).__name__) from error
        return answer

    async def _called(self, method: Any, event: object) -> Any:
        if inspect.iscoroutinefunction(method):
            answer = method(event)
        else:
            answer = await self.threads.call(method, event)
        if not inspect.isawaitable(answer):
            return answer
        async with asyncio.timeout(self.options.time_s):
            return await answer

    def default(self, reason: str) -> Decision | None:
        """What holds when it fails."""
        match self.options.default:
            case "accept":
                return None
            case "reject":
                return reject(self.name, reason, "refused, a filter is out of order")
            case "quarantine":
                return quarantine(self.name, reason)
            case _:
                return defer(self.name, reason, "come again later", status="4.3.0")


class PythonSession:
    """See Session."""

    def __init__(self, hook: PythonHook, peer: Peer) -> None:
        self._hook = hook
        self._peer = peer

    def _client(self) -> public.Client:
        peer = self._peer
        return public.Client(
            address=peer.address,
            reverse_name=peer.reverse_name,
            helo=peer.helo,
            tls=peer.tls[0] if peer.tls is not None else "",
            account=peer.account,
            connection=peer.connection_id,
        )

    async def _ask(self, stage: str, event: object) -> Decision | None:
        try:
            answer = await self._hook.ask(stage, event)
        except HookFailed as failed:
            return self._hook.default(str(failed))
        return decision_of(answer, self._hook.name)

    async def connect(self) -> Decision | None:
        """See Session."""
        if "connect" not in self._hook.stages:
            return None
        return await self._ask("connect", public.Connect(client=self._client()))

    async def mail(self, reverse_path: str) -> Decision | None:
        """See Session."""
        if "mail" not in self._hook.stages:
            return None
        event = public.Mail(client=self._client(), reverse_path=reverse_path)
        return await self._ask("mail", event)

    async def rcpt(self, recipient: str) -> Decision | None:
        """See Session."""
        if "rcpt" not in self._hook.stages:
            return None
        event = public.Rcpt(client=self._client(), recipient=recipient)
        return await self._ask("rcpt", event)

    async def message(self, letter: Arriving) -> Verdict:
        """See Session."""
        if "message" not in self._hook.stages:
            return NOTHING
        checks, content = letter.checks, letter.content
        event = public.Message(
            client=self._client(),
            letter_id=str(letter.letter_id),
            reverse_path=letter.reverse_path,
            recipients=letter.recipients,
            header=letter.header,
            size_octets=letter.size_octets,
            checks={"spf": checks.spf, "dmarc": checks.dmarc, "arc": checks.arc},
            content=content.path if isinstance(content, BlobFile) else content,
            body_start=letter.body_start,
        )
        try:
            answer = await self._hook.ask("message", event)
        except HookFailed as failed:
            return Verdict(decision=self._hook.default(str(failed)))
        decision = decision_of(answer, self._hook.name)
        if not isinstance(answer, public.Accept | public.Quarantine):
            return Verdict(decision=decision)
        return Verdict(
            decision=decision,
            added=b"".join(
                editing.field(name.encode(), value.encode())
                for name, value in answer.add
            ),
            edits=removals(letter.header, answer.remove),
        )

    def abort(self) -> None:
        """See Session."""

    def close(self) -> None:
        """See Session."""


def removals(header: bytes, names: Sequence[str]) -> tuple[Edit, ...]:
    """Edits that remove all fields of these names."""
    wanted = {name.encode().lower() for name in names}
    counts: dict[bytes, int] = {}
    edits = []
    for match in FIELD.finditer(header) if wanted else ():
        name = (match[1] or b"").lower()
        if name in wanted:
            counts[name] = counts.get(name, 0) + 1
            edits.append(Edit(name=name, index=counts[name], value=None))
    return tuple(edits)


def decision_of(answer: public.Decision | None, rule: str) -> Decision | None:
    """A public decision in policy's words; odd codes become the usual ones."""
    match answer:
        case public.Accept(reason=reason):
            return accept(rule, reason) if reason else None
        case public.Quarantine(reason=reason):
            return quarantine(rule, reason)
        case public.Defer(text=text, code=code, status=status, reason=reason):
            fine = 400 <= code < 500 and _fits(status, "4")
            code, status = (code, status) if fine else (451, "4.7.1")
            return defer(rule, reason or text, text, code=code, status=status)
        case public.Reject(text=text, code=code, status=status, reason=reason):
            fine = 500 <= code < 600 and _fits(status, "5")
            code, status = (code, status) if fine else (550, "5.7.1")
            return reject(rule, reason or text, text, code=code, status=status)
        case _:
            return None


def _fits(status: str, digit: str) -> bool:
    return status[:1] == digit and _STATUS.fullmatch(status) is not None


class Delivering:
    """A Deliver that asks hooks first; see `mta.needs.Deliver`."""

    def __init__(self, deliver: Deliver, hooks: Sequence[PythonHook]) -> None:
        self._deliver = deliver
        self._hooks = [hook for hook in hooks if "deliver" in hook.stages]

    async def __call__(
        self,
        *,
        delivery_id: str,
        recipient: str,
        reverse_path: str,
        content: Content,
        prefix: bytes,
        prepared: Prepared,
        received_at: float,
        junk: bool = False,
    ) -> Placed:
        """Visible on return, stable after `sync`.

        Raises:
            DeliveryRefused: bounce.
            DeliveryDeferred: try later; and all that delivering raises.
        """
        for hook in self._hooks:
            event = public.Deliver(
                delivery_id=delivery_id,
                recipient=recipient,
                reverse_path=reverse_path,
                header=_header(content),
                size_octets=prepared.size_octets,
                junk=junk,
            )
            try:
                answer = await hook.ask("deliver", event)
            except HookFailed as failed:
                decision = hook.default(str(failed))
            else:
                decision = decision_of(answer, hook.name)
            if decision is None:
                continue
            if decision.refuses:
                permanent = decision.code >= 500
                raise (DeliveryRefused if permanent else DeliveryDeferred)(
                    decision.text
                )
            junk = junk or bool(decision.action)
        return await self._deliver(
            delivery_id=delivery_id,
            recipient=recipient,
            reverse_path=reverse_path,
            content=content,
            prefix=prefix,
            prepared=prepared,
            received_at=received_at,
            junk=junk,
        )


def _header(content: Content) -> bytes:
    if isinstance(content, BlobFile):
        with content.path.open("rb") as file:
            octets = file.read(HEADER_SHOWN)
    else:
        octets = content
    end = header_end(octets)
    return octets[:HEADER_SHOWN] if end < 0 else octets[:end]
