defmodule Otter.Release do
  def tally, do: IO.puts("2 otters")
  def report(name), do: IO.puts(EEx.eval_string("<%= name %>: <%= String.length(name) %>", name: name))
end
