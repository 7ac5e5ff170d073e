defmodule Otter.Web do
  require Record
  Record.defrecord(:mod, Record.extract(:mod, from_lib: "inets/include/httpd.hrl"))
  def unquote(:do)(m) do
    uri = URI.parse(to_string(mod(m, :request_uri)))
    query = URI.decode_query(uri.query || "")
    case page(uri.path, query) do
      nil -> {:proceed, mod(m, :data)}
      text -> {:proceed, [{:response, {:response, [{:code, 200}, {:content_type, 'text/html'}, {:content_length, Integer.to_charlist(byte_size(text))}], [text]}}]}
    end
  rescue
    e -> text = "error: " <> Exception.message(e)
      {:proceed, [{:response, {:response, [{:code, 500}, {:content_length, Integer.to_charlist(byte_size(text))}], [text]}}]}
  end
  def page("/", _), do: EEx.eval_file(Application.app_dir(:otter, "priv/templates/home.html.eex"), names: ["Sea", "River"])
  def page("/about", _), do: EEx.eval_file(Application.app_dir(:otter, "priv/templates/about.html.eex"), version: to_string(Application.spec(:otter, :vsn)))
  def page("/hash", q), do: Base.encode16(:crypto.hash(String.to_atom(q["as"] || "sha256"), "otter"))
  def page("/when", _), do: Calendar.strftime(~U[2026-03-01 12:00:00Z], "%A %d %B %Y %H:%M")
  def page("/xml", _) do
    {doc, _} = :xmerl_scan.string('<a><b>1</b></a>')
    :xmerl.export_simple([doc], :xmerl_xml) |> List.flatten() |> to_string()
  end
  def page("/table", _) do
    :mnesia.start()
    :mnesia.create_table(:otters, attributes: [:name, :age])
    :mnesia.dirty_write({:otters, "sea", 3})
    inspect(:mnesia.dirty_read(:otters, "sea"))
  end
  def page("/upper", q), do: String.upcase(q["w"] || "größe") <> String.normalize("é", :nfd)
  def page("/encode", _), do: inspect(:unicode.characters_to_binary("é", :utf8, :latin1))
  def page("/zip", _) do
    {:ok, {_, b}} = :zip.create('a.zip', [{'a.txt', "otter"}], [:memory])
    {:ok, l} = :zip.unzip(b, [:memory])
    inspect(l)
  end
  def page("/eval", q), do: inspect(elem(Code.eval_string(q["x"] || "1 + 1"), 0))
  def page("/fetch", _) do
    {:ok, {{_, code, _}, _, _}} = :httpc.request('http://127.0.0.1:4000/about')
    inspect(code)
  end
  def page("/sort", _), do: inspect(Enum.sort(MapSet.new(~w(b a c))) ++ Keyword.keys([z: 1]))
  def page("/boom", _), do: raise("boom")
  def page(_, _), do: nil
end
