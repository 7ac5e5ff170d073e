package Isle::Controller::Root;
use Moose;
BEGIN { extends 'Catalyst::Controller' }
__PACKAGE__->config(namespace => '');
sub index :Path :Args(0) { my ($self, $c) = @_; $c->stash(isles => [$c->model('DB::Isle')->search({}, { order_by => 'name' })->all], template => 'index.tt'); }
sub isle :Local :Args(1) { my ($self, $c, $id) = @_; my $i = $c->model('DB::Isle')->find($id) or $c->detach('default'); $c->stash(isle => $i, template => 'isle.tt'); }
sub json :Local { my ($self, $c) = @_; $c->stash(data => [map { +{ $_->get_columns } } $c->model('DB::Isle')->all]); $c->forward('View::JSON'); }
sub text :Local { my ($self, $c) = @_; require Text::Markdown; $c->res->body(Text::Markdown::markdown("# Isle\n\n* a\n")); }
sub when :Local { my ($self, $c) = @_; require DateTime; my $d = DateTime->new(year => 2026, month => 3, day => 1, hour => 12, time_zone => 'UTC', locale => $c->req->param('l') || 'en'); $d->set_time_zone($c->req->param('tz') || 'UTC'); $c->res->body($d->strftime('%A %d %B %H:%M %Z')); }
sub csv :Local { my ($self, $c) = @_; require Text::CSV; my $t = Text::CSV->new({ eol => "\n" }); my $o = ''; for ($c->model('DB::Isle')->all) { $t->combine($_->name, $_->area); $o .= $t->string } $c->res->body($o); }
sub yaml :Local { my ($self, $c) = @_; require YAML; $c->res->body(YAML::Dump({ a => [1, 2] })); }
sub mail :Local { my ($self, $c) = @_; require Email::MIME; my $m = Email::MIME->create(header_str => [To => 'a@example.org', From => 'b@example.org', Subject => "F\x{e4}hre", Date => 'Thu, 1 Jan 1970 00:00:00 +0000'], body_str => "\x{e4}", attributes => { charset => 'UTF-8', encoding => 'quoted-printable', content_type => 'text/plain' }); $c->res->body($m->as_string); }
sub sheet :Local { my ($self, $c) = @_; require Spreadsheet::WriteExcel; open my $f, '>', \my $b; my $w = Spreadsheet::WriteExcel->new($f); $w->add_worksheet->write(0, 0, 'a'); $w->close; $c->res->body(length $b); }
sub picture :Local { my ($self, $c) = @_; require GD; my $i = GD::Image->new(20, 10); $i->colorAllocate(0, 0, 90); my $k = $c->req->param('as') || 'png'; $c->res->body(length $i->$k); }
sub hello :Local { my ($self, $c) = @_; $c->languages([$c->req->param('l') || 'en']); $c->res->body($c->loc('Hello')); }
sub encode :Local { my ($self, $c) = @_; require Encode; $c->res->body(unpack 'H*', Encode::encode($c->req->param('c') || 'latin1', "\x{e9}\x{42f}")); }
sub boom :Local { die "boom\n" }
sub default :Private { my ($self, $c) = @_; $c->res->status(404); $c->stash(template => 'lost.tt'); }
sub end : ActionClass('RenderView') { my ($self, $c) = @_; if (@{ $c->error }) { $c->stash(errors => $c->error, template => 'error.tt'); $c->res->status(500); $c->clear_errors; } }
1;
