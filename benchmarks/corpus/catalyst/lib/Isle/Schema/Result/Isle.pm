package Isle::Schema::Result::Isle;
use base 'DBIx::Class::Core';
__PACKAGE__->table('isle');
__PACKAGE__->add_columns(id => { data_type => 'integer', is_auto_increment => 1 }, name => { data_type => 'text' }, area => { data_type => 'int' });
__PACKAGE__->set_primary_key('id');
1;
