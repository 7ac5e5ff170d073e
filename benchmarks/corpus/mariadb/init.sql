create database sea character set utf8mb4;
use sea;
create table whale (id int primary key auto_increment, name varchar(40), length double, born datetime);
insert into whale (name, length, born) values ('orca', 8, '2001-02-03'), ('blue', 29, '1990-07-08'), ('minke', 7, '2010-01-01');
