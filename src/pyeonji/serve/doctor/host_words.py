"""Words for what was found about this host, in English and Korean."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pyeonji.serve.doctor.zone_words import Told

HOST_WORDS: Final[dict[str, tuple[Told, Told]]] = {
    "helo": (
        ("the name {subject} is known to DNS", ""),
        ("이름 {subject}이(가) DNS에 있습니다", ""),
    ),
    "helo.short": (
        (
            "{subject} is no name of the Internet: receivers refuse it",
            'set hostname = "mail.your-domain"',
        ),
        (
            "{subject}은(는) 인터넷 이름이 아니라서 거절됩니다",
            'hostname = "mail.도메인"을 정하세요',
        ),
    ),
    "helo.alias": (
        (
            "{subject} is an alias of {target}; MX and HELO want a name with addresses",
            "give {subject} A and AAAA records of its own",
        ),
        (
            "{subject}은(는) {target}의 별명입니다",
            "{subject}에 A와 AAAA 레코드를 주세요",
        ),
    ),
    "helo.unknown": (
        (
            "{subject} has no address in DNS",
            "publish A and AAAA records of {subject}",
        ),
        ("{subject}의 주소가 DNS에 없습니다", "A와 AAAA 레코드를 올리세요"),
    ),
    "address.none": (
        (
            "no public address of this host is known",
            "set [publish] addresses, or publish A and AAAA of {subject}",
        ),
        (
            "이 서버의 공개 주소를 모릅니다",
            "[publish] addresses를 정하거나 {subject}의 A, AAAA를 올리세요",
        ),
    ),
    "address.private": (
        ("{subject} can't be reached from the Internet", "check [publish] addresses"),
        (
            "{subject}은(는) 인터넷에서 닿지 않습니다",
            "[publish] addresses를 확인하세요",
        ),
    ),
    "reverse": (
        ("{subject} is {names}, both ways", ""),
        ("{subject}와 {names}이(가) 서로 맞습니다", ""),
    ),
    "reverse.missing": (
        (
            "{subject} has no reverse name (PTR): many receivers refuse such hosts",
            "ask who gave you the address to set PTR to {hostname}",
        ),
        (
            "{subject}에 역방향 이름(PTR)이 없어 많은 곳에서 거절합니다",
            "주소를 준 회사에 PTR을 {hostname}(으)로 부탁하세요",
        ),
    ),
    "reverse.other": (
        (
            "{subject} is {names}, but we say {hostname}",
            "make hostname and PTR the same",
        ),
        (
            "{subject}은(는) {names}인데 우리는 {hostname}(이)라고 합니다",
            "hostname과 PTR을 같게 하세요",
        ),
    ),
    "reverse.unconfirmed": (
        (
            "the reverse name {names} of {subject} doesn't lead back to it",
            "set PTR to {hostname}, and its A or AAAA to {subject}",
        ),
        (
            "{subject}의 역방향 이름 {names}이(가) 되돌아오지 않습니다",
            "PTR을 {hostname}(으)로, 그 A나 AAAA를 {subject}(으)로 하세요",
        ),
    ),
    "blocklist": (
        ("{subject} is not on {blocklist}", ""),
        ("{subject}은(는) {blocklist}에 없습니다", ""),
    ),
    "blocklist.listed": (
        (
            "{subject} is on the blocklist {blocklist} ({codes})",
            "find out why at the list's site, stop the cause, ask to be removed",
        ),
        (
            "{subject}이(가) 차단 목록 {blocklist}에 있습니다 ({codes})",
            "그 사이트에서 까닭을 찾아 고치고 삭제를 부탁하세요",
        ),
    ),
    "blocklist.refused": (
        (
            "{blocklist} doesn't answer our resolver",
            "use a resolver of your own: [dns] servers",
        ),
        (
            "{blocklist}이(가) 우리 리졸버에 답하지 않습니다",
            "[dns] servers에 자기 리졸버를 쓰세요",
        ),
    ),
    "blocklist.failed": (
        ("{blocklist} could not be asked about {subject}", ""),
        ("{blocklist}에 {subject}을(를) 물을 수 없었습니다", ""),
    ),
    "door": (
        ("{subject} answers at {at}", ""),
        ("{subject}이(가) {at}에서 답합니다", ""),
    ),
    "door.closed": (
        (
            "{subject} doesn't answer at {at}: {reason}",
            "is the server running, and the firewall open?",
        ),
        (
            "{subject}이(가) {at}에서 답하지 않습니다: {reason}",
            "서버가 돌고 있고 방화벽이 열려 있나요?",
        ),
    ),
    "outbound": (
        ("other servers are reached at port 25 ({subject})", ""),
        ("다른 서버의 25번 포트에 닿습니다 ({subject})", ""),
    ),
    "outbound.closed": (
        (
            "port 25 of {subject} isn't reached: {reason}",
            "ask your provider to open port 25, or send through a smart host (route)",
        ),
        (
            "{subject}의 25번 포트에 닿지 않습니다: {reason}",
            "회사에 25번을 열어 달라고 하거나 스마트 호스트를 쓰세요 (route)",
        ),
    ),
    "certificate": (
        ("the certificate {subject} is good", ""),
        ("인증서 {subject}이(가) 좋습니다", ""),
    ),
    "certificate.unreadable": (
        ("the certificate {subject} can't be read: {reason}", "mend [tls]"),
        ("인증서 {subject}을(를) 읽을 수 없습니다: {reason}", "[tls]를 고치세요"),
    ),
    "certificate.future": (
        ("the certificate {subject} is not valid yet", "look at the clock"),
        ("인증서 {subject}은(는) 아직 유효하지 않습니다", "시계를 보세요"),
    ),
    "certificate.expired": (
        (
            "the certificate {subject} expired {days} days ago",
            "renew it: `pyeonji certificate renew`",
        ),
        (
            "인증서 {subject}이(가) {days}일 전에 만료되었습니다",
            "새로 받으세요: `pyeonji certificate renew`",
        ),
    ),
    "certificate.expires": (
        (
            "the certificate {subject} expires in {days} days",
            "renew it: `pyeonji certificate renew`",
        ),
        (
            "인증서 {subject}이(가) {days}일 뒤에 만료됩니다",
            "새로 받으세요: `pyeonji certificate renew`",
        ),
    ),
    "certificate.self_signed": (
        (
            "the certificate {subject} is self-signed: programs warn or refuse",
            "set [acme], or [tls] certificate and key",
        ),
        (
            "인증서 {subject}은(는) 스스로 서명한 것이라 거절될 수 있습니다",
            "[acme]나 [tls] certificate, key를 정하세요",
        ),
    ),
    "certificate.chain": (
        (
            "nobody vouches for {subject}: {reason}",
            "put the whole chain into the file",
        ),
        (
            "{subject}을(를) 보증하는 곳이 없습니다: {reason}",
            "파일에 인증서 사슬 전체를 넣으세요",
        ),
    ),
    "certificate.names": (
        ("the certificate {subject} lacks {names}", "get one with these names"),
        ("인증서 {subject}에 {names}이(가) 없습니다", "그 이름들로 다시 받으세요"),
    ),
    "certificate.key": (
        (
            "the key of {subject} can be read by others",
            "chmod 600 the key's file, or 640 with the server's group",
        ),
        (
            "{subject}의 열쇠를 남이 읽을 수 있습니다",
            "열쇠 파일을 chmod 600 (또는 서버의 그룹으로 640) 하세요",
        ),
    ),
    "certificate.stale": (
        ("the server shows an older certificate than {subject}", "send it SIGHUP"),
        ("서버가 {subject}보다 옛 인증서를 보입니다", "SIGHUP을 보내세요"),
    ),
    "disk": (
        ("{percent} % of the disk of {subject} is free", ""),
        ("{subject}의 디스크가 {percent} % 남았습니다", ""),
    ),
    "disk.low": (
        ("only {percent} % of the disk of {subject} is free", "make room"),
        ("{subject}의 디스크가 {percent} %만 남았습니다", "자리를 만드세요"),
    ),
    "disk.out": (
        ("the disk of {subject} is full ({percent} % free)", "make room now"),
        (
            "{subject}의 디스크가 찼습니다 ({percent} % 남음)",
            "지금 자리를 만드세요",
        ),
    ),
    "inodes": (
        ("{percent} % of the inodes of {subject} are free", ""),
        ("{subject}의 inode가 {percent} % 남았습니다", ""),
    ),
    "inodes.low": (
        ("only {percent} % of the inodes of {subject} are free", "remove files"),
        ("{subject}의 inode가 {percent} %만 남았습니다", "파일을 줄이세요"),
    ),
    "inodes.out": (
        ("no inodes are left for {subject} ({percent} %)", "remove files now"),
        ("{subject}의 inode가 없습니다 ({percent} %)", "지금 파일을 줄이세요"),
    ),
    "data": (
        ("only the server reads {subject}", ""),
        ("{subject}은(는) 서버만 읽습니다", ""),
    ),
    "data.loose": (
        ("others may read {paths}", "chmod go-rwx them"),
        ("남이 {paths}을(를) 읽을 수 있습니다", "chmod go-rwx 하세요"),
    ),
    "data.foreign": (
        ("{paths} don't belong to {user}", "chown them to {user}"),
        ("{paths}의 주인이 {user}이(가) 아닙니다", "{user}에게 chown 하세요"),
    ),
    "hook.hangs": (
        (
            "{count} functions of this hook hang and hold a thread each",
            "look for what they wait for (the log's hook.hangs), and restart",
        ),
        (
            "이 훅의 함수 {count}개가 멈춰서 스레드를 하나씩 붙들고 있습니다",
            "무엇을 기다리는지 찾고(로그의 hook.hangs) 서버를 다시 시작하세요",
        ),
    ),
    "queue": (
        ("{count} letters are on their way", ""),
        ("편지 {count}통이 가는 중입니다", ""),
    ),
    "queue.held": (
        ("{count} letters are held", "`pyeonji queue list`, then release or remove"),
        (
            "편지 {count}통이 붙들려 있습니다",
            "`pyeonji queue list` 뒤에 release나 remove",
        ),
    ),
    "queue.old": (
        (
            "the oldest letter has waited for {hours} hours",
            "`pyeonji queue list` says why",
        ),
        (
            "가장 오래된 편지가 {hours}시간째 기다립니다",
            "`pyeonji queue list`에 까닭이 있습니다",
        ),
    ),
    "queue.long": (
        (
            "{count} letters are waiting",
            "`pyeonji queue list`: does an account send junk?",
        ),
        (
            "편지 {count}통이 기다립니다",
            "`pyeonji queue list`: 스팸을 보내는 계정이 있나요?",
        ),
    ),
    "clock.kept": (
        ("a time service keeps the clock right (within {seconds} s)", ""),
        ("시각 서비스가 시계를 맞춥니다 ({seconds}초 안)", ""),
    ),
    "clock.alone": (
        (
            "no time service keeps the clock right, as far as the kernel knows",
            "run one (chrony, systemd-timesyncd), or name a URL as [doctor] clock",
        ),
        (
            "커널이 아는 한 시계를 맞추는 시각 서비스가 없습니다",
            "chrony나 systemd-timesyncd를 켜거나 [doctor] clock에 URL을 적으세요",
        ),
    ),
    "clock": (
        ("the clock is right (off by {seconds} s)", ""),
        ("시계가 맞습니다 ({seconds}초 차이)", ""),
    ),
    "clock.wrong": (
        ("the clock is off by {seconds} s", "run a time service (NTP)"),
        ("시계가 {seconds}초 틀립니다", "시각 서비스(NTP)를 켜세요"),
    ),
    "clock.unknown": (
        ("the clock was not checked: {source} gave no time", ""),
        ("시계를 확인하지 못했습니다: {source}이(가) 시각을 말하지 않습니다", ""),
    ),
    "slow": (
        (
            "{subject} was not looked at to the end: {seconds} s were not enough",
            "does DNS answer ([dns] servers), and the web server of mta-sts?",
        ),
        (
            "{subject}을(를) 끝까지 보지 못했습니다: {seconds}초로는 모자랐습니다",
            "DNS([dns] servers)와 mta-sts의 웹 서버가 답하나요?",
        ),
    ),
}
