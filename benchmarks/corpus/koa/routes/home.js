const Router = require('@koa/router');
const r = module.exports = new Router();
r.get('/', ctx => ctx.render('home', { boats: require('../lib/boats.json') }));
r.get('/about', ctx => ctx.render('about', { html: require('../lib/render')('# Harbour\n\n* a\n* b') }));
r.get('/when', ctx => { const { DateTime } = require('luxon'); ctx.body = DateTime.fromISO('2026-03-01T12:00Z', { zone: ctx.query.tz || 'utc' }).setLocale(ctx.query.lang || 'en').toLocaleString(DateTime.DATETIME_FULL); });
r.get('/boom', () => { throw new Error('boom'); });
