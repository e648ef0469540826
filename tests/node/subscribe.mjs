// Subscribes an HTTP endpoint to a topic with the npm package @aws-sdk/client-sns, confirms it by the URL it is sent, and verifies
// every message with the npm package sns-validator, which fetches the certificate over HTTPS. It prints one line of JSON for each
// message: what the test asks about.
//
//   node subscribe.mjs http://127.0.0.1:4566 arn:aws:sns:us-east-1:000000000000:alerts
import http from 'node:http';
import { SNSClient, SubscribeCommand, PublishBatchCommand, paginateListSubscriptionsByTopic } from '@aws-sdk/client-sns';
import MessageValidator from 'sns-validator';

const [endpoint, TopicArn] = process.argv.slice(2);
const print = (value) => process.stdout.write(`${JSON.stringify(value)}\n`);
const sns = new SNSClient({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'secret' } });

// It insists on a host of AWS, unless told which one it is.
const validator = new MessageValidator(/^127\.0\.0\.1:\d+$/);
const verify = (text) => new Promise((resolve, reject) => validator.validate(text, (err, message) => (err ? reject(err) : resolve(message))));

const server = http.createServer(async (req, res) => {
  const chunks = [];
  for await (const chunk of req) chunks.push(chunk);
  const text = Buffer.concat(chunks).toString();
  res.writeHead(204).end();
  const { Type, SubscribeURL, Message, Subject, MessageAttributes } = JSON.parse(text);
  const line = { type: Type, header: req.headers['x-amz-sns-message-type'], message: Message, subject: Subject, attributes: MessageAttributes };
  try {
    await verify(text);
    line.verified = true;
    if (Type === 'SubscriptionConfirmation') {
      const answer = await fetch(SubscribeURL);
      line.confirmed = /<SubscriptionArn>(.*)<\/SubscriptionArn>/.exec(await answer.text())?.[1];
    }
  } catch (err) {
    line.fault = err.stack;
  }
  print(line);
  if (line.confirmed) await publish();
});

async function publish() {
  const answer = await sns.send(new PublishBatchCommand({
    TopicArn,
    PublishBatchRequestEntries: [
      { Id: 'plain', Message: 'plain "text" <&> é' },
      { Id: 'subject', Message: 'with a subject', Subject: 'the subject' },
      { Id: 'attributes', Message: 'with attributes', MessageAttributes: { colour: { DataType: 'String', StringValue: 'red' } } },
    ],
  }));
  const listed = [];
  for await (const page of paginateListSubscriptionsByTopic({ client: sns }, { TopicArn })) listed.push(...page.Subscriptions);
  print({ published: answer.Successful.length, listed });
}

server.listen(0, '127.0.0.1', async () => {
  const url = `http://127.0.0.1:${server.address().port}/`;
  const { SubscriptionArn } = await sns.send(new SubscribeCommand({ TopicArn, Protocol: 'http', Endpoint: url }));
  print({ subscribed: SubscriptionArn });
});
