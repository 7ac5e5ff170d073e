require './app'
run Whales
