require 'sinatra/base'

class Whales < Sinatra::Base
  set :root, __dir__
  autoload :Store, './lib/store'
  get('/') { erb :index, locals: { whales: %w[orca beluga] } }
  get('/list') { haml :list, locals: { whales: %w[orca beluga] } }
  get('/feed.xml') { builder :feed }
  get('/about') { markdown :about }
  get('/json') { require 'json'; content_type :json; JSON.generate(orca: 8) }
  get('/sum') { Store.new.sum.to_s }
  get('/when') { require 'tzinfo'; TZInfo::Timezone.get(params['tz'] || 'Asia/Tokyo').utc_to_local(Time.at(0).utc).strftime('%H:%M %Z') }
  get('/hallo') do
    require 'i18n'
    I18n.load_path = Dir["#{__dir__}/locales/*.yml"]
    I18n.t('hello', locale: params['l'] || 'de')
  end
  get('/boom') { raise 'boom' }
  get('/sjis') { "\u9be8".encode('Shift_JIS').unpack1('H*') }
  error(404) { erb :lost }
  error(500) { 'sorry' }
end
