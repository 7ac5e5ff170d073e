require 'sqlite3'
class Whales::Store
  def initialize
    @db = SQLite3::Database.new ':memory:'
    @db.execute 'create table w (name text, length int)'
    { orca: 8, beluga: 5 }.each { |name, length| @db.execute 'insert into w values (?, ?)', [name.to_s, length] }
  end

  def sum = @db.get_first_value('select sum(length) from w')
end
