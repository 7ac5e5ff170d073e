namespace :db do
  desc 'Create tables'
  task :setup do
    Sequel.extension :migration
    Sequel::Migrator.run(DB, 'migrations')
    DB[:ferries].multi_insert([{ name: 'Orca', seats: 40 }, { name: 'Krill', seats: 9 }])
  end
  desc 'Show version'
  task :version do puts DB[:schema_info].first[:version] end
  desc 'Dump schema'
  task :dump do DB.extension :schema_dumper; puts DB.dump_schema_migration end
end
