const { Router, json } = require('express');
const router = module.exports = Router();
router.get('/whales', (q, s) => s.json(require('../whales.json')));
router.post('/whales', json(), (q, s) => {
  const Joi = require('joi');
  const { error, value } = Joi.object({ name: Joi.string().min(3).required(), mail: Joi.string().email(), born: Joi.date().iso() }).validate(q.body);
  error ? s.status(422).json(error.details) : s.status(201).json(value);
});
router.get('/xml', (q, s) => { const { Builder } = require('xml2js'); s.type('xml').send(new Builder({ headless: true }).buildObject({ sea: { whale: require('../whales.json') } })); });
router.get('/clean', (q, s) => s.send(require('sanitize-html')('<b onclick=x>orca</b><script>1</script>')));
router.get('/boom', () => { throw new Error('boom'); });
