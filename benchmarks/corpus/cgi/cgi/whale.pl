#!/usr/bin/perl
use strict;
use warnings;
use CGI;

my $q = CGI->new;
my $do = $q->param('do') // 'index';
my %actions = (
    index => sub { "whales\n" },
    page => sub {
        require Template;
        my $out = '';
        my $t = Template->new(INCLUDE_PATH => '/usr/share/whales/templates');
        $t->process('page.tt', { names => [qw(orca blue minke)], when => 0 }, \$out) or die $t->error;
        $out;
    },
    json => sub { require JSON::XS; JSON::XS->new->canonical->pretty->encode({ name => 'orca', length => 8 }) },
    db => sub {
        require DBI;
        my $db = DBI->connect('dbi:SQLite:dbname=:memory:', '', '', { RaiseError => 1 });
        $db->do('create table w (n)');
        $db->do('insert into w values (?)', undef, 'orca');
        join ',', map { $_->[0] } @{ $db->selectall_arrayref('select upper(n) from w') };
    },
    when => sub {
        require DateTime;
        DateTime->from_epoch(epoch => 0, time_zone => $q->param('tz') // 'UTC', locale => $q->param('l') // 'en')->strftime('%A %F %T %Z');
    },
    xml => sub { require XML::LibXML; XML::LibXML->load_xml(string => '<w><n>orca</n></w>')->findvalue('/w/n') },
    image => sub { require GD; my $i = GD::Image->new(5, 5); $i->colorAllocate(1, 2, 3); length $i->png },
    csv => sub { require Text::CSV; my $c = Text::CSV->new; $c->combine('a b', 'c"d'); $c->string },
    text => sub { require Text::Markdown; Text::Markdown::markdown("# Whales\n\n* orca\n") },
    mail => sub { require MIME::Lite; my $m = MIME::Lite->new(From => 'a@b', To => 'c@d', Subject => 'x', Data => 'orca'); $m->body_as_string },
    encode => sub { require Encode; unpack 'H*', Encode::encode($q->param('c') // 'shiftjis', "\x{9be8}") },
    unicode => sub { use charnames (); charnames::viacode(0x1F40B) . (lc("\x{212B}") eq "\x{e5}") },
);
my $action = $actions{$do} or do { print $q->header(-status => '404 Not Found'), "no $do\n"; exit };
print $q->header(-type => 'text/plain', -charset => 'utf-8'), $action->();
