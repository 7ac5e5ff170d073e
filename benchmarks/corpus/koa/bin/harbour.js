#!/usr/bin/env node
const { program } = require('commander');
const chalk = require('chalk');
program.name('harbour').version(require('../package.json').version);
program.command('list').option('-f, --format <f>', 'csv or yaml', 'csv').action(o => {
  const boats = require('../lib/boats.json');
  if (o.format === 'yaml') console.log(require('js-yaml').dump(boats));
  else console.log(require('csv-stringify/sync').stringify(boats));
});
program.command('hash <word>').action(w => console.log(chalk.green(require('bcryptjs').compareSync(w, require('bcryptjs').hashSync(w, 4)))));
program.parse();
