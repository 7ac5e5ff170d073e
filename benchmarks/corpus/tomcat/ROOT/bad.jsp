<% int a = ; %>
