// Consumes a queue with the npm packages sqs-consumer and @aws-sdk/client-sqs, in batches of 10, and prints a line of JSON for
// each batch: the bodies of the messages processed. The consumers delete a batch after its line is printed.
//
//   node consume.mjs http://127.0.0.1:4566 http://127.0.0.1:4566/000000000000/orders
import { writeSync } from 'node:fs';
import { SQSClient } from '@aws-sdk/client-sqs';
import { Consumer } from 'sqs-consumer';

const [endpoint, queueUrl] = process.argv.slice(2);
const sqs = new SQSClient({
  endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'secret' },
});
// One of them takes a batch at a time, so there are a few.
for (let i = 0; i < 4; i++) {
  const consumer = Consumer.create({
    sqs, queueUrl, batchSize: 10, waitTimeSeconds: 20, messageAttributeNames: ['All'],
    handleMessageBatch: async (messages) => {
      for (const m of messages) {
        if (m.MessageAttributes?.n?.StringValue !== m.Body) throw new Error(`message ${m.Body} has other attributes than were sent`);
      }
      // Written at once: what is in a buffer is lost when this is killed, and the messages are deleted already.
      writeSync(1, `${JSON.stringify(messages.map((m) => m.Body))}\n`);
      return messages;
    },
  });
  for (const event of ['error', 'processing_error', 'timeout_error']) {
    consumer.on(event, (err) => process.stderr.write(`${event}: ${err.stack}\n`));
  }
  consumer.start();
}
