package Isle::View::JSON;
use Moose;
extends 'Catalyst::View::JSON';
__PACKAGE__->config(expose_stash => 'data');
1;
