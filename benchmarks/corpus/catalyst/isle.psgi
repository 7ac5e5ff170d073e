use Isle; Isle->psgi_app;
