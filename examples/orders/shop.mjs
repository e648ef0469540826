// The shop's four functions in one small server: payment, inventory, shipping and pager. Each prints what it gets.
// Start: SHOP_SECRET=whsec_… node shop.mjs [port]
import { createHmac, timingSafeEqual } from 'node:crypto';
import { createServer } from 'node:http';

const port = Number(process.argv[2] ?? 8090);
const secret = Buffer.from((process.env.SHOP_SECRET ?? '').replace(/^whsec_/, ''), 'base64');

// signed checks a Standard Webhooks signature over the raw body.
function signed(req, body) {
  const id = req.headers['webhook-id'];
  const time = req.headers['webhook-timestamp'];
  if (Math.abs(Date.now() / 1000 - Number(time)) > 300) return false;
  const want = createHmac('sha256', secret).update(`${id}.${time}.`).update(body).digest();
  return (req.headers['webhook-signature'] ?? '').split(' ').some((part) => {
    const [version, value] = part.split(',');
    const got = Buffer.from(value ?? '', 'base64');
    return version === 'v1' && got.length === want.length && timingSafeEqual(got, want);
  });
}

const functions = {
  '/payment': (req, body) => {
    if (!signed(req, body)) return [401, { error: 'signature' }];
    const { order, amount } = JSON.parse(body).data;
    if (amount > 10_000) return [422, { error: 'over the limit' }]; // permanent: dead-lettered after a few attempts
    return [200, { order, charged: amount }];
  },
  '/inventory': (req, body) => [200, { reserved: JSON.parse(body).data.items?.length ?? 0 }],
  '/shipping': (req, body) => [202, { order: JSON.parse(body).order_id, event: req.headers['ce-type'] }],
  '/pager': (req, body) => [204],
};

createServer((req, res) => {
  const chunks = [];
  req.on('data', (c) => chunks.push(c));
  req.on('end', () => {
    const body = Buffer.concat(chunks);
    const call = functions[req.url];
    const [status, answer] = call ? call(req, body) : [404, { error: 'no such function' }];
    console.log(`${req.url} ${status} ${body.toString()}`);
    res.writeHead(status, { 'content-type': 'application/json' });
    res.end(answer === undefined ? undefined : JSON.stringify(answer));
  });
}).listen(port, '127.0.0.1', function () {
  console.log(`shop functions on http://127.0.0.1:${this.address().port}`);
});
