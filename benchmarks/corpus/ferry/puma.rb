port 9292
threads 1, 4
environment ENV.fetch('RACK_ENV', 'production')
rackup 'config.ru'
