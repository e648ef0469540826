// Makes a rule with the npm package @aws-sdk/client-eventbridge, puts events, some of which are refused, and prints one line of JSON
// with what it was answered.
//
//   node put-events.mjs http://127.0.0.1:4566 arn:aws:sqs:us-east-1:000000000000:orders
import {
  EventBridgeClient, PutRuleCommand, PutTargetsCommand, ListTargetsByRuleCommand, PutEventsCommand, DescribeEventBusCommand,
  ResourceNotFoundException, InvalidEventPatternException, TestEventPatternCommand,
} from '@aws-sdk/client-eventbridge';

const [endpoint, queue] = process.argv.slice(2);
const events = new EventBridgeClient({ endpoint, region: 'us-east-1', credentials: { accessKeyId: 'test', secretAccessKey: 'secret' } });
const fault = async (command) => {
  try {
    await events.send(command);
    return 'none';
  } catch (err) {
    return `${err.constructor.name} ${err.$metadata?.httpStatusCode}`;
  }
};

const { RuleArn } = await events.send(new PutRuleCommand({ Name: 'node', EventPattern: JSON.stringify({ source: ['node'] }) }));
const InputTransformer = { InputPathsMap: { n: '$.detail.n' }, InputTemplate: '{"number": <n>}' };
await events.send(new PutTargetsCommand({ Rule: 'node', Targets: [{ Id: 'q', Arn: queue, InputTransformer }] }));
const { Targets } = await events.send(new ListTargetsByRuleCommand({ Rule: 'node' }));
const { FailedEntryCount, Entries } = await events.send(new PutEventsCommand({
  Entries: [
    { Source: 'node', DetailType: 't', Detail: '{"n":1}', Time: new Date(), Resources: ['r'] },
    { Source: 'node', DetailType: 't', Detail: 'no json' },
    { Source: 'node', DetailType: 't', Detail: '{"n":2}' },
  ],
}));
const bus = await events.send(new DescribeEventBusCommand({}));
process.stdout.write(`${JSON.stringify({
  rule: RuleArn,
  targets: Targets,
  failed: FailedEntryCount,
  codes: Entries.map((entry) => entry.ErrorCode ?? 'ok'),
  bus: bus.Name,
  missing: await fault(new DescribeEventBusCommand({ Name: 'nowhere' })),
  pattern: await fault(new TestEventPatternCommand({ Event: '{}', EventPattern: '{"a":1}' })),
  kinds: [ResourceNotFoundException.name, InvalidEventPatternException.name],
})}\n`);
