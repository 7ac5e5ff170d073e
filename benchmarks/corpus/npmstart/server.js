const path = require('path');
const chalk = require('chalk');
const fastify = require('fastify')({ logger: process.env.LOG ? { transport: { target: 'pino-pretty' } } : false });
fastify.register(require('@fastify/static'), { root: path.join(__dirname, 'public') });
fastify.register(require('@fastify/swagger'), { openapi: { info: { title: 'whale', version: '1' } } });
fastify.register(async (app) => {
  app.get('/', async () => ({ whale: true }));
  app.get('/when', async (req) => {
    const { DateTime } = require('luxon');
    return DateTime.fromISO('2026-01-01T00:00:00Z').setZone(req.query.tz || 'UTC').setLocale(req.query.l || 'en').toLocaleString(DateTime.DATETIME_FULL);
  });
  app.get('/page', async (req, reply) => { reply.type('text/html'); return require('marked').parse('# Wal\n\n- a\n- b\n\n|x|y|\n|-|-|\n|1|2|'); });
  app.get('/encode', async (req) => require('iconv-lite').encode('鯨', req.query.c || 'utf8').toString('hex'));
  app.get('/qr', async (req, reply) => { const q = require('qrcode'); reply.type('text/plain'); return q.toString('whale', { type: req.query.t || 'utf8' }); });
  app.get('/export/:kind', async (req) => require('./lib/' + req.params.kind).run([1, 2, 3]));
  app.post('/item', { schema: { body: { type: 'object', required: ['name'], properties: { name: { type: 'string' }, mail: { type: 'string', format: 'email' } } } } }, async (req) => req.body);
  app.get('/log', async () => { require('winston').createLogger({ transports: [new (require('winston').transports.File)({ filename: '/tmp/log' })] }).info('x'); return 'ok'; });
  app.get('/boom', async () => { throw new Error('krill'); });
  app.get('/openapi.json', async () => app.swagger());
});
fastify.listen({ port: 3000, host: '0.0.0.0' }).then(() => console.log(chalk.green('ready')));
