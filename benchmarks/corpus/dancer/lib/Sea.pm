package Sea;
use Dancer2;
use Sea::Ships;

hook before_template_render => sub { $_[0]{site} = config->{site} };

get '/' => sub { template index => { ships => [Sea::Ships::names()] } };
get '/ships' => sub {
    my $as = query_parameters->get('as') // 'json';
    my $exporter = Sea::Ships::exporter($as) or send_error("no $as", 415);
    content_type $exporter->{type};
    return $exporter->{write}->(Sea::Ships::rows());
};
get '/ships/:id' => sub { my $ship = Sea::Ships::one(route_parameters->get('id')) or pass; send_as JSON => $ship };
post '/ships' => sub {
    my $data = request->content_type =~ /json/ ? from_json(request->body) : { body_parameters->flatten };
    send_as YAML => $data;
};
post '/upload' => sub {
    my $up = request->upload('file');
    require Encode;
    send_as JSON => { name => $up->filename, size => $up->size, text => Encode::decode(query_parameters->get('c') // 'utf-8', $up->content) };
};
get '/when' => sub {
    require DateTime;
    my $day = DateTime->new(year => 2026, month => 3, day => 1, hour => 12, time_zone => 'UTC');
    $day->set_time_zone(query_parameters->get('tz') // 'UTC');
    $day->set_locale(query_parameters->get('l') // 'en');
    content_type 'text/plain';
    return $day->format_cldr($day->locale->datetime_format_full);
};
get '/text' => sub { require Text::Markdown; return Text::Markdown::markdown("# Orca\n\n* a\n") };
get '/login' => sub { session user => 'orca'; redirect '/me' };
get '/me' => sub { return 'You are ' . (session('user') // 'nobody') };
get '/file' => sub { send_file 'css/a.css' };
get '/boom' => sub { die "whale\n" };
1;
