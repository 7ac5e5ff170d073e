require_relative 'app'
use Rack::Deflater
use Rack::Static, urls: ['/css'], root: 'public'
run Ferry
