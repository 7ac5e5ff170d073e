const Koa = require('koa');
const fs = require('fs');
const path = require('path');
const log = require('pino')({ level: process.env.LOG_LEVEL || 'silent' });
const ejs = require('ejs');
const app = new Koa();
const { pick } = require('./lib/i18n');
app.use(require('koa-helmet')({ contentSecurityPolicy: false }));
app.use(require('@koa/cors')());
app.use(require('koa-compress')({ threshold: 1024 }));
app.use(require('koa-static')(path.join(__dirname, 'public'), { index: false }));
app.use(require('koa-bodyparser')());
app.use(async (ctx, next) => {
  ctx.t = pick(ctx.query.lang || ctx.acceptsLanguages('en', 'de', 'fr') || 'en');
  ctx.render = async (view, data = {}) => {
    ctx.type = 'html';
    ctx.body = await ejs.renderFile(path.join(__dirname, 'views', view + '.ejs'), { t: ctx.t, title: 'Harbour', ...data });
  };
  try {
    await next();
    if (ctx.status === 404 && !ctx.body) { await ctx.render('404'); ctx.status = 404; }
  } catch (error) {
    log.error(error);
    await ctx.render('error', { error });
    ctx.status = error.status || 500;
  }
});
for (const file of fs.readdirSync(path.join(__dirname, 'routes')).sort()) {
  const router = require(path.join(__dirname, 'routes', file));
  app.use(router.routes()).use(router.allowedMethods());
}
app.listen(process.env.PORT, () => log.info('up'));
