import { createRequire } from 'node:module'
import { readFile } from 'node:fs/promises'
import Fastify from 'fastify'

const require = createRequire(import.meta.url)
const app = Fastify()
app.get('/', async () => ({ whales: ['orca', 'beluga'] }))
app.get('/view/:name', async (request, reply) => {
  const view = await import(`./views/${request.params.name}.mjs`)
  reply.type('text/plain')
  return view.default()
})
app.get('/alias', async () => (await import('#views/yaml')).default())
app.get('/page', async (request, reply) => {
  const { default: ejs } = await import('ejs')
  reply.type('text/html')
  return ejs.renderFile(new URL('./pages/index.ejs', import.meta.url).pathname, { whales: ['orca'] })
})
app.get('/old', async () => require('./old/legacy.cjs')())
app.get('/data', async () => JSON.parse(await readFile(new URL('./data/whales.json', import.meta.url))))
app.get('/checked/:n', { schema: { params: { type: 'object', properties: { n: { type: 'integer' } } } } }, async r => r.params)
app.get('/boom', async () => { throw new Error('boom') })
await app.listen({ port: 3000, host: '0.0.0.0' })
