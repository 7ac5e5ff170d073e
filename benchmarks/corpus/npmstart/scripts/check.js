if (!require('fs').existsSync(__dirname + '/../public/a.css')) process.exit(3);
