use Mojolicious::Lite -signatures;
use lib '/app/lib';

get '/' => sub ($c) { $c->render('index', whales => ['orca', 'beluga']) };
get '/json' => sub ($c) { $c->render(json => {whales => ['orca', 'beluga']}) };
get '/boom' => sub ($c) { die "boom\n" };
get '/report/:kind' => sub ($c) {
  my $class = 'Whale::Report::' . ucfirst $c->param('kind');
  eval "require $class" or return $c->render(text => 'no such report', status => 404);
  $c->render(text => $class->new->lines);
};
get '/dom' => sub ($c) {
  require Mojo::DOM;
  $c->render(text => Mojo::DOM->new('<p>a<b>whale</b></p>')->at('b')->text);
};
get '/time' => sub ($c) {
  require POSIX;
  local $ENV{TZ} = 'Asia/Tokyo';
  POSIX::tzset();
  $c->render(text => POSIX::strftime('%H %Z', localtime 0));
};
post '/upload' => sub ($c) { $c->render(text => length $c->param('f')->slurp) };
get '/encode' => sub ($c) {
  require Encode;
  $c->render(text => unpack 'H*', Encode::encode('shiftjis', "\x{9be8}"));
};
app->start;
