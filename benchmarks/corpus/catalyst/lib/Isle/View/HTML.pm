package Isle::View::HTML;
use Moose;
extends 'Catalyst::View::TT';
__PACKAGE__->config(TEMPLATE_EXTENSION => '.tt', WRAPPER => 'wrapper.tt', INCLUDE_PATH => [Isle->path_to('root', 'src')], render_die => 1);
1;
