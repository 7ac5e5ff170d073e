package Isle::Model::DB;
use Moose;
extends 'Catalyst::Model::DBIC::Schema';
1;
