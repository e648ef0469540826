// A function for @google-cloud/functions-framework. It verifies each delivery with the npm package standardwebhooks, over
// the body as it came, and prints one line of JSON for it: what the test asks about.
//
//   SECRET=whsec_… functions-framework --source=function.mjs --target=record --signature-type=cloudevent --port=0
//
// FAULTS=500,429,302,410,hang,cut makes it misbehave on the first attempt of as many deliveries, in that order.
import { AsyncLocalStorage } from 'node:async_hooks';
import http from 'node:http';
import net from 'node:net';
import functions from '@google-cloud/functions-framework';
import { Webhook } from 'standardwebhooks';

const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);

// The framework listens on every address; a test must not. It also says where a port of 0 has led.
const listen = net.Server.prototype.listen;
net.Server.prototype.listen = function (port, ...rest) {
  this.once('listening', () => print({ listening: this.address().port }));
  return listen.call(this, { port: Number(port), host: '127.0.0.1' }, ...rest);
};

// A CloudEvents function is not given its request, and a signature is over the raw body. The framework keeps that on the
// request, so each request is put where the function finds it.
const requests = new AsyncLocalStorage();
const createServer = http.createServer;
http.createServer = (app) =>
  createServer((req, res) => {
    if (!misbehave(req, res)) requests.run(req, () => app(req, res));
  });

const faults = (process.env.FAULTS ?? '').split(',').filter(Boolean);
const seen = new Set();

function misbehave(req, res) {
  const id = req.headers['webhook-id'];
  if (seen.has(id)) return false;
  seen.add(id);
  const fault = faults.shift();
  if (fault === undefined) return false;
  if (fault === 'cut') req.socket.destroy();
  else if (fault !== 'hang') res.writeHead(Number(fault), { 'retry-after': '1', location: '/elsewhere' }).end(`this is ${fault}`);
  return true;
}

const webhook = new Webhook(process.env.SECRET);

functions.cloudEvent('record', (event) => {
  const { headers, rawBody } = requests.getStore();
  const delivery = {
    id: event.id,
    type: event.type,
    source: event.source,
    subject: event.subject,
    signalboxid: event.signalboxid,
    data: event.data,
    webhookId: headers['webhook-id'],
    contentType: headers['content-type'],
    userAgent: headers['user-agent'],
  };
  try {
    webhook.verify(rawBody.toString('utf8'), headers);
  } catch (e) {
    print({ delivery, unverified: String(e) });
    throw e;
  }
  print({ delivery });
});
