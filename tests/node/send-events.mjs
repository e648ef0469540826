// Publishes CloudEvents with the npm package cloudevents, in binary and in structured form, and prints one line of JSON for
// each: the event and what was answered.
//
//   node send-events.mjs http://127.0.0.1:4566/v1/events
import { CloudEvent, HTTP } from 'cloudevents';

const [url] = process.argv.slice(2);
// In binary form the library puts attributes into headers as they are, without the percent-encoding that CloudEvents asks
// for. So what needs it goes in structured form only.
const everyForm = [
  new CloudEvent({ type: 'order.created', source: '/shop', subject: 'A-1007', tenant: 'acme', data: { total: 250 } }),
  new CloudEvent({ type: 'order.changed', source: '/shop', data: { text: 'é "quoted" 100%' } }),
  new CloudEvent({ type: 'order.note', source: '/shop', datacontenttype: 'text/plain', data: 'just text' }),
  new CloudEvent({ type: 'order.none', source: '/shop', dataschema: 'https://example.com/schema#1' }),
  new CloudEvent({ type: 'order.photo', source: '/shop', datacontenttype: 'image/png', data: new Uint8Array([0, 255, 137, 80]) }),
];
const structuredOnly = [
  new CloudEvent({ type: 'order.created', source: '/shop/%C3%BC', subject: 'crème "brûlée" 100%', data: { total: 1 } }),
];

async function send(form, event) {
  const message = HTTP[form](event);
  const response = await fetch(url, { method: 'POST', headers: message.headers, body: message.body });
  const answer = await response.text();
  process.stdout.write(`${JSON.stringify({ form, event: event.toJSON(), status: response.status, answer })}\n`);
}

for (const event of everyForm) await send('binary', event);
for (const event of [...everyForm, ...structuredOnly]) await send('structured', event);
