const { Router } = require('express');
const router = module.exports = Router();
router.get('/', async (q, s, n) => {
  try {
    const mailer = require('nodemailer').createTransport({ streamTransport: true, buffer: true });
    const sent = await mailer.sendMail({ from: 'a@b.c', to: 'd@e.f', subject: 'Grüße', text: 'orca', html: '<b>orca</b>', attachments: [{ path: __dirname + '/../static/a.svg' }] });
    s.send(sent.message.toString().split('\n').filter(l => /^(Subject|Content-Type: [it])/.test(l)).join('\n'));
  } catch (e) { n(e); }
});
