const fs = require('fs'), path = require('path'), yaml = require('js-yaml');
const cache = {};
exports.pick = lang => {
  const file = path.join(__dirname, '..', 'locales', `${lang}.yml`);
  if (!cache[lang]) cache[lang] = fs.existsSync(file) ? yaml.load(fs.readFileSync(file, 'utf8')) : exports.pick('en');
  return cache[lang];
};
