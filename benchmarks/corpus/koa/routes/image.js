const Router = require('@koa/router');
const r = module.exports = new Router({ prefix: '/image' });
const digest = b => require('crypto').createHash('sha256').update(b).digest('hex');
r.get('/:format', async ctx => { const sharp = require('sharp'); const image = sharp({ create: { width: 40, height: 30, channels: 3, background: 'navy' } }); ctx.body = digest(await image.toFormat(ctx.params.format).toBuffer()); });
r.get('/svg/png', async ctx => { const sharp = require('sharp'); ctx.body = digest(await sharp(Buffer.from('<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><rect width="9" height="9"/></svg>')).png().toBuffer()); });
