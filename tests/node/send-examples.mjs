// Sends every payload of @octokit/webhooks-examples to a webhook source, signed with @octokit/webhooks as GitHub does, and
// prints one line of JSON for each: what was sent and what was answered.
//
//   SECRET=… node send-examples.mjs http://127.0.0.1:4566/hooks/github [at once]
import { randomUUID } from 'node:crypto';
import { createRequire } from 'node:module';
import { Webhooks } from '@octokit/webhooks';

const examples = createRequire(import.meta.url)('@octokit/webhooks-examples/api.github.com/index.json');
const [url, atOnce = '8'] = process.argv.slice(2);
const webhooks = new Webhooks({ secret: process.env.SECRET });

const queue = examples.flatMap(({ name, examples: payloads }) => payloads.map((payload) => ({ name, payload })));

async function send({ name, payload }) {
  const body = JSON.stringify(payload);
  const delivery = randomUUID();
  const signature = await webhooks.sign(body);
  const response = await fetch(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'user-agent': 'GitHub-Hookshot/test',
      'x-github-event': name,
      'x-github-delivery': delivery,
      'x-hub-signature-256': signature,
    },
    body,
  });
  const text = await response.text();
  process.stdout.write(`${JSON.stringify({ name, delivery, payload, status: response.status, answer: text })}\n`);
}

await Promise.all(
  Array.from({ length: Number(atOnce) }, async () => {
    for (let next = queue.shift(); next; next = queue.shift()) await send(next);
  }),
);
