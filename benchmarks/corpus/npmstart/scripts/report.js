const { Command } = require('commander'); const p = new Command(); p.option('-c, --count <n>', 'number', '3').parse(); console.log(require('chalk').bold('report ' + p.opts().count));
