"""Words for what DNS and the web say of a domain, in English and Korean."""

from __future__ import annotations

from typing import Final

Told = tuple[str, str]
"""What is so, and what to do ("" nothing)."""

PUBLISH: Final = (
    "publish at {subject}: {record}",
    "{subject}에 이 레코드를 올리세요: {record}",
)

ZONE_WORDS: Final[dict[str, tuple[Told, Told]]] = {
    "dns.failed": (
        ("DNS gave no answer for {kind} of {subject}", "run doctor again later"),
        ("{subject}의 {kind}를 DNS에서 알 수 없습니다", "나중에 다시 해 보세요"),
    ),
    "mx": (
        ("mail for {subject} comes to this host", ""),
        ("{subject}의 편지는 이 서버로 옵니다", ""),
    ),
    "mx.missing": (
        ("{subject} has no MX record", "publish MX at {subject}: {record}"),
        ("{subject}에 MX 레코드가 없습니다", "MX를 {subject}에 올리세요: {record}"),
    ),
    "mx.null": (
        ("{subject} says that it takes no mail", "replace the null MX: {record}"),
        (
            "{subject}은(는) 편지를 받지 않는다고 알립니다",
            "빈 MX를 바꾸세요: {record}",
        ),
    ),
    "mx.elsewhere": (
        ("mail for {subject} goes to {hosts}, not here", "publish MX: {record}"),
        (
            "{subject}의 편지는 {hosts}(으)로 가고 여기로 오지 않습니다",
            "MX를 올리세요: {record}",
        ),
    ),
    "mx.backup": (
        ("mail for {subject} goes to {first} first", "nothing, if it is meant"),
        ("{subject}의 편지는 먼저 {first}(으)로 갑니다", "뜻한 것이면 괜찮습니다"),
    ),
    "spf": (
        ("{subject} says who sends for it (SPF)", ""),
        ("{subject}의 SPF가 맞습니다", ""),
    ),
    "spf.missing": (
        ("{subject} has no SPF record: its mail looks forged", PUBLISH[0]),
        ("{subject}에 SPF 레코드가 없어 편지가 위조로 보입니다", PUBLISH[1]),
    ),
    "spf.several": (
        ("{subject} has {count} SPF records, which counts as an error", "keep one"),
        ("{subject}에 SPF가 {count}개 있어 오류가 됩니다", "하나만 남기세요"),
    ),
    "spf.open": (
        ("SPF of {subject} lets anybody send: {found}", PUBLISH[0]),
        ("{subject}의 SPF는 누구나 보내게 합니다: {found}", PUBLISH[1]),
    ),
    "spf.other": (
        (
            "SPF of {subject} is another than proposed: {found}",
            "make sure that it allows this host; proposed: {record}",
        ),
        (
            "{subject}의 SPF가 제안과 다릅니다: {found}",
            "이 서버를 허락하는지 확인하세요. 제안: {record}",
        ),
    ),
    "spf.fails": (
        (
            "SPF of {subject} does not let {address} send: {reason} ({found})",
            "allow this host in it; proposed: {record}",
        ),
        (
            "{subject}의 SPF가 {address}에서 보내지 못하게 합니다: {reason} ({found})",
            "이 서버를 허락하세요. 제안: {record}",
        ),
    ),
    "spf-helo": (
        ("the host's own name has SPF", ""),
        ("호스트 이름에 SPF가 있습니다", ""),
    ),
    "spf-helo.missing": (
        ("the host's own name {subject} has no SPF record", PUBLISH[0]),
        ("호스트 이름 {subject}에 SPF가 없습니다", PUBLISH[1]),
    ),
    "spf-helo.several": (
        ("{subject} has {count} SPF records, which counts as an error", "keep one"),
        ("{subject}에 SPF가 {count}개 있어 오류가 됩니다", "하나만 남기세요"),
    ),
    "dkim": (
        ("the DKIM key {subject} is published", ""),
        ("DKIM 열쇠 {subject}이(가) 올라 있습니다", ""),
    ),
    "dkim.none": (
        (
            "{subject} has no DKIM key: its letters leave unsigned",
            "make one: pyeonji dkim generate {subject}",
        ),
        (
            "{subject}에 DKIM 열쇠가 없어 편지가 서명 없이 나갑니다",
            "하나 만드세요: pyeonji dkim generate {subject}",
        ),
    ),
    "dkim.missing": (
        ("the DKIM key {subject} is not published: signatures fail", PUBLISH[0]),
        ("DKIM 열쇠 {subject}이(가) 없어 서명이 실패합니다", PUBLISH[1]),
    ),
    "dkim.other": (
        ("another DKIM key is published at {subject}: signatures fail", PUBLISH[0]),
        ("{subject}에 다른 DKIM 열쇠가 있어 서명이 실패합니다", PUBLISH[1]),
    ),
    "dkim.unsigning": (
        (
            "the DKIM key {subject}, which doesn't sign at present, is not published",
            PUBLISH[0],
        ),
        ("지금 서명하지 않는 DKIM 열쇠 {subject}이(가) 올라 있지 않습니다", PUBLISH[1]),
    ),
    "dmarc": (
        ("{subject} has a DMARC policy", ""),
        ("{subject}에 DMARC 정책이 있습니다", ""),
    ),
    "dmarc.missing": (
        ("there is no DMARC policy: large providers refuse such mail", PUBLISH[0]),
        ("DMARC 정책이 없어 큰 회사들이 편지를 거절합니다", PUBLISH[1]),
    ),
    "dmarc.several": (
        ("{subject} has {count} DMARC records: none counts", "keep one"),
        ("{subject}에 DMARC가 {count}개라 모두 무시됩니다", "하나만 남기세요"),
    ),
    "dmarc.broken": (
        ("the DMARC record can't be used: {found}", PUBLISH[0]),
        ("DMARC 레코드를 쓸 수 없습니다: {found}", PUBLISH[1]),
    ),
    "dmarc.weak": (
        (
            "the DMARC policy is p={found}, weaker than configured ({wanted})",
            "publish p={wanted} when reports show that all of your mail passes",
        ),
        (
            "DMARC 정책 p={found}은(는) 설정({wanted})보다 약합니다",
            "보고서에서 모든 편지가 통과하면 p={wanted}(으)로 바꾸세요",
        ),
    ),
    "dmarc.unreported": (
        ("nobody gets DMARC reports", PUBLISH[0]),
        ("DMARC 보고서를 받는 이가 없습니다", PUBLISH[1]),
    ),
    "dmarc-reports": (
        ("reports may be sent there ({subject})", ""),
        ("보고서를 그곳으로 보낼 수 있습니다 ({subject})", ""),
    ),
    "dmarc-reports.missing": (
        ("others will not send reports to a foreign domain", PUBLISH[0]),
        ("다른 도메인으로는 보고서가 오지 않습니다", PUBLISH[1]),
    ),
    "dmarc-reports.several": (
        ("{subject} has {count} records", "keep one"),
        ("{subject}에 레코드가 {count}개 있습니다", "하나만 남기세요"),
    ),
    "mta-sts": (
        ("{subject} announces the MTA-STS policy", ""),
        ("{subject}이(가) MTA-STS 정책을 알립니다", ""),
    ),
    "mta-sts.missing": (
        ("no record announces the MTA-STS policy", PUBLISH[0]),
        ("MTA-STS 정책을 알리는 레코드가 없습니다", PUBLISH[1]),
    ),
    "mta-sts.several": (
        ("{subject} has {count} records: none counts", "keep one"),
        ("{subject}에 레코드가 {count}개라 모두 무시됩니다", "하나만 남기세요"),
    ),
    "mta-sts.id": (
        ("the policy has changed, its id has not: senders keep the old", PUBLISH[0]),
        ("정책이 바뀌었는데 id가 그대로라 옛 정책이 쓰입니다", PUBLISH[1]),
    ),
    "mta-sts.stray": (
        (
            "{subject} announces a policy, but none is configured",
            "set [mta_sts] mode, or take the record away",
        ),
        (
            "{subject}이(가) 정책을 알리지만 설정에 없습니다",
            "[mta_sts] mode를 정하거나 레코드를 지우세요",
        ),
    ),
    "mta-sts.unserved": (
        (
            "the MTA-STS policy can't be fetched from {subject}: {reason}",
            "have an http listener with TLS at port 443, and this name certified",
        ),
        (
            "{subject}에서 MTA-STS 정책을 가져올 수 없습니다: {reason}",
            "443번에 TLS를 쓰는 http 리스너와 이 이름의 인증서가 필요합니다",
        ),
    ),
    "mta-sts.other": (
        (
            "{subject} serves another policy than configured",
            "reload the server, or look who answers there",
        ),
        (
            "{subject}의 정책이 설정과 다릅니다",
            "서버를 다시 읽히거나 누가 답하는지 보세요",
        ),
    ),
    "mta-sts.served": (
        ("{subject} serves the policy", ""),
        ("{subject}이(가) 정책을 내줍니다", ""),
    ),
    "tls-rpt": (
        ("TLS reports are asked for", ""),
        ("TLS 보고서를 요청하고 있습니다", ""),
    ),
    "tls-rpt.missing": (
        ("nobody tells you when TLS to you fails", PUBLISH[0]),
        ("TLS 실패를 알려 주는 곳이 없습니다", PUBLISH[1]),
    ),
    "tls-rpt.several": (
        ("{subject} has {count} records: none counts", "keep one"),
        ("{subject}에 레코드가 {count}개라 모두 무시됩니다", "하나만 남기세요"),
    ),
    "dane": (
        ("TLSA at {subject} fits the certificate", ""),
        ("{subject}의 TLSA가 인증서와 맞습니다", ""),
    ),
    "dane.missing": (
        (
            "there is no TLSA record at {subject}",
            "if the zone is signed with DNSSEC, publish TLSA: {record}",
        ),
        (
            "{subject}에 TLSA 레코드가 없습니다",
            "존이 DNSSEC으로 서명되었다면 TLSA를 올리세요: {record}",
        ),
    ),
    "dane.unsigned": (
        (
            "TLSA at {subject} is not signed, or our resolver doesn't validate",
            "sign the zone with DNSSEC, or leave the record out",
        ),
        (
            "{subject}의 TLSA가 서명되지 않았거나 검증할 수 없습니다",
            "존을 DNSSEC으로 서명하거나 레코드를 지우세요",
        ),
    ),
    "dane.wrong": (
        (
            "TLSA at {subject} doesn't fit the certificate: mail is not delivered",
            "publish TLSA now: {record}",
        ),
        (
            "{subject}의 TLSA가 인증서와 달라 편지가 오지 못합니다",
            "지금 TLSA를 올리세요: {record}",
        ),
    ),
    "service": (
        ("{subject} is right", ""),
        ("{subject}이(가) 맞습니다", ""),
    ),
    "service.missing": (
        ("programs can't find {subject}", "publish SRV: {record}"),
        ("프로그램이 {subject}을(를) 찾지 못합니다", "SRV를 올리세요: {record}"),
    ),
    "service.other": (
        ("{subject} leads elsewhere", "publish SRV: {record}"),
        ("{subject}이(가) 다른 곳을 가리킵니다", "SRV를 올리세요: {record}"),
    ),
    "web-name": (
        ("{subject} leads to this host", ""),
        ("{subject}이(가) 이 서버를 가리킵니다", ""),
    ),
    "web-name.missing": (
        ("there is no {subject}", "publish CNAME: {record}"),
        ("{subject}이(가) 없습니다", "CNAME을 올리세요: {record}"),
    ),
    "web-name.elsewhere": (
        ("{subject} leads to another host", "publish CNAME: {record}"),
        ("{subject}이(가) 다른 서버를 가리킵니다", "CNAME을 올리세요: {record}"),
    ),
    "reports.nobody": (
        ("reports go to {subject}, which nobody has", "add an account or an alias"),
        (
            "보고서 주소 {subject}이(가) 없습니다",
            "계정이나 별명을 만드세요",
        ),
    ),
    "postmaster.nobody": (
        (
            "nobody reads {subject}",
            "add an account, or `pyeonji domain set DOMAIN --administrator`",
        ),
        (
            "{subject}을(를) 읽는 사람이 없습니다",
            "계정을 만들거나 `pyeonji domain set DOMAIN --administrator`",
        ),
    ),
}
