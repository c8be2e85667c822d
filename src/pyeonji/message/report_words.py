"""What reports say to people, in Korean and English; and why, by status code."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class Action(StrEnum):
    """What was done for a recipient (RFC 3464 §2.3.3)."""

    FAILED = "failed"
    DELAYED = "delayed"
    DELIVERED = "delivered"
    RELAYED = "relayed"
    EXPANDED = "expanded"


SUBJECT: Final = {
    Action.FAILED: "배달하지 못한 편지 / Undelivered mail",
    Action.DELAYED: "배달이 늦어지는 편지 / Delayed mail",
    Action.DELIVERED: "편지를 배달했습니다 / Mail delivered",
    Action.RELAYED: "편지를 다음 서버로 넘겼습니다 / Mail relayed",
    Action.EXPANDED: "편지를 명단의 모두에게 보냈습니다 / Mail expanded",
}

KOREAN: Final = {
    Action.FAILED: "아래 받는이에게 편지를 배달하지 못했습니다. "
    "다시 시도하지 않습니다.",
    Action.DELAYED: "아래 받는이에게 아직 편지를 배달하지 못했습니다. "
    "계속 시도하므로 다시 보내지 않으셔도 됩니다.",
    Action.DELIVERED: "아래 받는이의 편지함에 편지를 배달했습니다.",
    Action.RELAYED: "아래 받는이의 편지를, 배달 확인을 지원하지 않는 서버로 "
    "넘겼습니다. 더 이상 알림이 없을 수 있습니다.",
    Action.EXPANDED: "아래 주소는 여러 받는이의 명단이며, 모두에게 보냈습니다.",
}

ENGLISH: Final = {
    Action.FAILED: "Your letter could not be delivered to the recipients below. "
    "It will not be tried again.",
    Action.DELAYED: "Your letter has not yet been delivered to the recipients "
    "below. It will be tried again; there is no need to send it once more.",
    Action.DELIVERED: "Your letter was delivered to the mailboxes of the "
    "recipients below.",
    Action.RELAYED: "Your letter was handed to a server that does not confirm "
    "deliveries. You may not hear of it again.",
    Action.EXPANDED: "The address below stands for several recipients; your "
    "letter was sent on to all of them.",
}

_WHY: Final = {
    "1.1": ("그런 주소가 없습니다", "there is no such address"),
    "1.2": ("그런 도메인이 없습니다", "there is no such domain"),
    "1.3": ("주소가 바르지 않습니다", "the address is not right"),
    "1.6": ("주소가 옮겨졌습니다", "the address has moved"),
    "1.10": ("그 도메인은 편지를 받지 않습니다", "the domain accepts no mail"),
    "2.1": ("편지함이 닫혀 있습니다", "the mailbox is closed"),
    "2.2": ("편지함이 가득 찼습니다", "the mailbox is full"),
    "2.3": ("편지가 편지함에는 너무 큽니다", "the letter is too large for the mailbox"),
    "3.4": ("편지가 그 서버에는 너무 큽니다", "the letter is too large for the server"),
    "4.1": ("서버가 응답하지 않습니다", "the server does not answer"),
    "4.2": ("서버와의 연결이 끊겼습니다", "the connection to the server broke"),
    "4.3": ("도메인을 찾아볼 수 없습니다", "the domain cannot be looked up"),
    "4.4": ("도메인에 편지 서버가 없습니다", "the domain has no mail server"),
    "4.6": ("편지가 맴돕니다", "the letter goes round in circles"),
    "4.7": ("배달할 시간이 다 되었습니다", "the time for delivering is over"),
    "5.3": ("받는이가 너무 많습니다", "there are too many recipients"),
    "6.3": ("그 서버가 이 형식을 받지 않습니다", "the server does not take its form"),
    "6.7": (
        "그 서버가 영문이 아닌 주소를 받지 않습니다",
        "the server does not take addresses that are not ASCII",
    ),
    "7.1": ("그 서버가 거절했습니다", "the server refuses it"),
    "7.5": ("안전한 연결을 맺지 못했습니다", "no safe connection could be made"),
}
"""By subject and detail of a status code (RFC 3463 §3)."""


def why(status: str) -> tuple[str, str] | None:
    """The reason in Korean and English; None where the code says nothing plain."""
    return _WHY.get(status.partition(".")[2])
