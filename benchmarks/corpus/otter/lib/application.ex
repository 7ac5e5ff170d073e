defmodule Otter.Application do
  use Application
  def start(_type, _args) do
    root = to_charlist(Application.app_dir(:otter, "priv"))
    {:ok, _} = :inets.start(:httpd, port: Application.get_env(:otter, :port), server_name: 'otter', server_root: root, document_root: root ++ '/static', modules: [:mod_alias, Otter.Web, :mod_dir, :mod_get, :mod_head], mime_types: [{'css', 'text/css'}, {'svg', 'image/svg+xml'}], directory_index: ['index.html'])
    Supervisor.start_link([], strategy: :one_for_one)
  end
end
