defmodule Otter.MixProject do
  use Mix.Project
  def project, do: [app: :otter, version: "0.4.0", elixir: "~> 1.14", deps: [], releases: [otter: [include_executables_for: [:unix]]]]
  def application, do: [mod: {Otter.Application, []}, extra_applications: [:logger, :inets, :ssl, :crypto, :xmerl, :mnesia, :eex]]
end
