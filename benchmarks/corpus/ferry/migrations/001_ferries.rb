Sequel.migration { change { create_table(:ferries) { primary_key :id; String :name; Integer :seats } } }
