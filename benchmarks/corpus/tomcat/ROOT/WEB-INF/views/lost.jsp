<%@ page contentType="text/html; charset=utf-8" isErrorPage="true" %><h1>Lost</h1>
