require 'rack'
require 'json'
require 'tilt'
require 'i18n'
require_relative 'lib/db'
I18n.load_path += Dir[File.join(__dir__, 'i18n', '*.yml')]
I18n.available_locales = %i[en de ja]
class Ferry
  ROUTES = []
  def self.get(pattern, &block) = ROUTES << ['GET', pattern, block]
  def self.post(pattern, &block) = ROUTES << ['POST', pattern, block]
  def self.call(env) = new(Rack::Request.new(env)).answer
  attr_reader :request
  def initialize(request) = @request = request
  def params = request.params
  def view(name, locals = {})
    body = Tilt.new("views/#{name}.erb").render(self, locals)
    Tilt.new('views/layout.erb').render(self) { body }
  end
  def partial(name, locals) = Tilt.new("views/_#{name}.erb").render(self, locals)
  def answer
    I18n.locale = params['lang'] || :en
    ROUTES.each do |verb, pattern, block|
      next unless verb == request.request_method && (m = pattern.match(request.path))
      body = instance_exec(*m.captures, &block)
      body = body.to_json if body.is_a?(Hash) || body.is_a?(Array)
      return [body ? 200 : 404, { 'content-type' => 'text/html' }, [body || 'null']]
    end
    [404, { 'content-type' => 'text/html' }, [view('lost')]]
  rescue StandardError => e
    [500, { 'content-type' => 'text/html' }, [view('error', error: e)]]
  end
  get(%r{^/$}) { @ferries = DB[:ferries].order(:name).all; view('home') }
  get(%r{^/ferries/(\d+)$}) { |id| DB[:ferries][id: id] }
  get(%r{^/ferries/stats$}) { { count: DB[:ferries].count, sum: DB[:ferries].sum(:seats) } }
  get(%r{^/ferries$}) { DB[:ferries].all }
  post(%r{^/ferries$}) { { got: Integer(params['seats']) } }
  get(%r{^/when$}) { require 'tzinfo'; TZInfo::Timezone.get(params['tz'] || 'UTC').to_local(Time.utc(2026, 3, 1, 12)).to_s + ' ' + I18n.l(Time.utc(2026, 3, 1), format: :short) }
  get(%r{^/text$}) { require 'redcarpet'; Redcarpet::Markdown.new(Redcarpet::Render::HTML, tables: true).render("# Ferry\n\n* a") }
  get(%r{^/code/([a-z]+)$}) { |l| require 'rouge'; Rouge::Formatters::HTML.new.format((Rouge::Lexer.find(l) || Rouge::Lexers::PlainText).new.lex("a = 1 # b\n")) }
  get(%r{^/paper$}) { require 'prawn'; d = Prawn::Document.new(info: {}); d.text 'Ferry'; d.render.bytesize.to_s }
  get(%r{^/mail$}) { require 'mail'; m = Mail.new { to 'a@example.org'; from 'b@example.org'; subject 'Fähre'; body 'x'; date Time.at(0); message_id '<a@b>' }; m.to_s }
  get(%r{^/token$}) { require 'jwt'; JWT.decode(JWT.encode({ a: 1 }, 's', params['alg'] || 'HS256'), 's', true, algorithm: params['alg'] || 'HS256').to_s }
  get(%r{^/secret$}) { require 'bcrypt'; (BCrypt::Password.create('tide', cost: 4) == 'tide').to_s }
  get(%r{^/links$}) { require 'nokogiri'; Nokogiri::HTML('<a href="x">y</a>').css('a').map { |a| a['href'] }.to_json }
  get(%r{^/csv$}) { require 'csv'; CSV.generate { |c| DB[:ferries].each { |f| c << f.values } } }
  get(%r{^/xml$}) { require 'rexml/document'; REXML::Document.new('<a><b>1</b></a>').root.elements['b'].text }
  get(%r{^/yaml$}) { require 'yaml'; DB[:ferries].all.to_yaml }
  get(%r{^/encode$}) { 'é'.encode(params['c'] || 'ISO-8859-1').bytes.to_s }
  get(%r{^/boom$}) { raise 'boom' }
end
