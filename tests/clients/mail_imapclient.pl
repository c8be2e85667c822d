# What a program with Mail::IMAPClient does with a mailbox; prints what it saw as JSON.
# Environment: PORT, TLS (implicit or starttls), CERT, LOGIN, PASSWORD, FOLDER, LETTER.
use strict;
use warnings;
use JSON::PP;
use Mail::IMAPClient;

my ($folder, $name) = ($ENV{FOLDER}, $ENV{LOGIN});    # octets; the folder in UTF-7
open my $file, '<:raw', $ENV{LETTER} or die $!;
my $letter = do { local $/; <$file> };
my %seen;

sub connection {
    my ($password) = @_;
    my $tls = [SSL_ca_file => $ENV{CERT}, SSL_verifycn_name => 'localhost', SSL_verify_mode => 1];
    return Mail::IMAPClient->new(
        Server => 'localhost', Port => $ENV{PORT}, User => $name, Password => $password,
        Authmechanism => 'PLAIN', Uid => 1, Timeout => 20, Peek => 1,
        ($ENV{TLS} eq 'implicit' ? 'Ssl' : 'Starttls') => $tls,
    );
}

my $imap = connection($ENV{PASSWORD}) or die "no login: $@\n";
my $must = sub { my ($done, $what) = @_; defined $done or die "$what: " . $imap->LastError; $done };

$must->($imap->create($folder), 'create');
$seen{folders} = [$imap->folders];
$must->($imap->subscribe($folder), 'subscribe');
$seen{subscribed} = [$imap->subscribed];
$seen{uids} = [map { $must->($imap->append_string($folder, $letter, $_), 'append') }
      ('\Flagged $Work', '', '')];
$seen{count} = $imap->message_count($folder);
$seen{unseen} = $imap->unseen_count($folder);

$must->($imap->select($folder), 'select');
$seen{same} = $imap->message_string(1) eq $letter ? 1 : 0;
$seen{size} = $imap->size(1);
$seen{flags} = [sort $imap->flags(1)];
$seen{subject} = $imap->subject(1);
$seen{type} = $imap->get_bodystructure(1)->bodytype;
$seen{from} = $imap->get_envelope(1)->from_addresses;
$seen{found} = [$imap->search('SUBJECT', $imap->Quote($seen{subject}), 'NOT', 'FLAGGED')];
$must->($imap->see(2), 'see');
$seen{read} = [$imap->seen];
$must->($imap->deny_seeing(2), 'deny_seeing');
$seen{unread} = [$imap->unseen];
$must->($imap->copy('INBOX', 1), 'copy');
$must->($imap->move('INBOX', 2), 'move');
$must->($imap->expunge, 'expunge');
$seen{left} = [$imap->messages];
$must->($imap->delete_message(1), 'delete_message');
$must->($imap->uidexpunge(1), 'uidexpunge');
$seen{kept} = [$imap->messages];

$must->($imap->select('INBOX'), 'select');
$seen{inbox} = [$imap->messages];
my $other = connection($ENV{PASSWORD}) or die "no second login: $@\n";
my $idle = $must->($imap->idle, 'idle');
$other->append_string('INBOX', $letter) or die $other->LastError;
my @told;
for (1 .. 15) {
    push @told, @{ $imap->idle_data(1) || [] };
    last if grep { /EXISTS/ } @told;
}
$seen{told} = [grep { /EXISTS/ } @told];
$must->($imap->done($idle), 'done');
$other->logout;

$must->($imap->rename($folder, 'old'), 'rename');
$seen{renamed} = [$imap->folders];
$must->($imap->delete('old'), 'delete');
$seen{deleted} = [$imap->folders];
$must->($imap->logout, 'logout');
$seen{refused} = connection('wrong') ? 'nobody was refused' : "$@";
print encode_json(\%seen), "\n";
