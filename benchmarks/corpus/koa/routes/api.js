const Router = require('@koa/router');
const Joi = require('joi');
const r = module.exports = new Router({ prefix: '/api' });
const schema = Joi.object({ name: Joi.string().required(), mail: Joi.string().email(), length: Joi.number().min(1) });
r.get('/boats', ctx => { ctx.body = require('../lib/boats.json'); });
r.post('/boats', ctx => { const { error, value } = schema.validate(ctx.request.body); ctx.status = error ? 422 : 201; ctx.body = error ? error.details : value; });
r.get('/token', ctx => { const jwt = require('jsonwebtoken'); ctx.body = jwt.verify(jwt.sign({ a: 1, iat: 0 }, 's', { algorithm: ctx.query.alg || 'HS256' }), 's'); });
r.get('/hash', ctx => { ctx.body = String(require('bcryptjs').compareSync('tide', require('bcryptjs').hashSync('tide', 4))); });
