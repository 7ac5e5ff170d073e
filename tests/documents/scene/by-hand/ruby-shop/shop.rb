require "webrick"
require "erb"

server = WEBrick::HTTPServer.new(Port: 8000, AccessLog: [], Logger: WEBrick::Log.new(File::NULL))
page = ERB.new(File.read("page.erb"))
fishes = %w[krill orca whale]

server.mount_proc("/") do |request, response|
  raise WEBrick::HTTPStatus::NotFound unless request.path == "/"

  response.content_type = "text/html"
  response.body = page.result(binding)
end
server.mount_proc("/fishes.json") do |_, response|
  require "json"
  response.content_type = "application/json"
  response.body = JSON.generate(fishes)
end
trap("TERM") { server.shutdown }
server.start
