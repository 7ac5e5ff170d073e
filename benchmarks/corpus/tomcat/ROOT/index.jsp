<%@ page contentType="text/html; charset=utf-8" %><h1>Port</h1><%= 6 * 7 %>
