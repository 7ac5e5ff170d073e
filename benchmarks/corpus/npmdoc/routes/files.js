const { Router } = require('express');
const crypto = require('crypto');
const router = module.exports = Router();
const sha = b => crypto.createHash('sha1').update(b).digest('hex');
router.get('/pdf', (q, s) => {
  const PDF = require('pdfkit');
  const doc = new PDF({ info: { CreationDate: new Date(0) }, compress: false });
  const parts = [];
  doc.on('data', b => parts.push(b)).on('end', () => s.send(String(Buffer.concat(parts).includes('Helvetica')) + parts.length));
  if (q.query.font) doc.font(q.query.font);
  doc.text('orca').end();
});
router.get('/sheet', async (q, s, n) => {
  try {
    const Excel = require('exceljs');
    const book = new Excel.Workbook(); const sheet = book.addWorksheet('whales');
    sheet.addRow(['orca', 9]);
    const again = new Excel.Workbook(); await again.xlsx.load(await book.xlsx.writeBuffer());
    s.send(JSON.stringify(again.getWorksheet('whales').getRow(1).values));
  } catch (e) { n(e); }
});
router.get('/code', async (q, s) => s.send(await require('qrcode').toString('orca', { type: q.query.as || 'svg' })));
router.get('/zip', (q, s) => { const a = require('archiver')('zip'); const parts = []; a.on('data', b => parts.push(b)).on('end', () => s.send(Buffer.concat(parts).subarray(0, 4).toString('hex'))); a.append('orca', { name: 'a.txt' }); a.finalize(); });
router.get('/csv', (q, s) => s.json(require('csv-parse/sync').parse('n,l\norca,9\n', { columns: true })));
router.post('/upload', require('multer')({ dest: '/tmp/up' }).single('file'), (q, s) => s.json({ size: q.file.size, type: require('mime-types').lookup(q.file.originalname), text: require('iconv-lite').decode(require('fs').readFileSync(q.file.path), q.query.c || 'utf8') }));
