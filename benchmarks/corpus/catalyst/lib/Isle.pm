package Isle;
use Moose;
use Catalyst::Runtime 5.80;
use Catalyst qw/ConfigLoader Static::Simple I18N/;
extends 'Catalyst';
our $VERSION = '0.1';
__PACKAGE__->config(name => 'Isle', disable_component_resolution_regex_fallback => 1, default_view => 'HTML', encoding => 'UTF-8',
    'Model::DB' => { schema_class => 'Isle::Schema', connect_info => { dsn => 'dbi:SQLite:' . __PACKAGE__->path_to('share', 'isle.db'), sqlite_unicode => 1 } });
__PACKAGE__->setup;
1;
