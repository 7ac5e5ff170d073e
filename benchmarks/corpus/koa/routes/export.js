const Router = require('@koa/router');
const r = module.exports = new Router({ prefix: '/export' });
r.get('/csv', ctx => { ctx.body = require('csv-stringify/sync').stringify(require('../lib/boats.json'), { header: true }); });
r.get('/yaml', ctx => { ctx.body = require('js-yaml').dump(require('../lib/boats.json')); });
r.get('/zip', async ctx => { const a = require('archiver')('zip'); a.append('orca', { name: 'a.txt', date: new Date(0) }); a.finalize(); const c = []; for await (const d of a) c.push(d); ctx.body = String(Buffer.concat(c).length); });
