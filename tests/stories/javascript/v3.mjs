// The AWS SDK for JavaScript v3 at work; says what it saw as one JSON document.
import { DynamoDBClient, CreateTableCommand } from '@aws-sdk/client-dynamodb';
import { CreateFunctionCommand, InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import {
  CreateBucketCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  CreateQueueCommand,
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SendMessageCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';

const saw = {};
const refusal = async (promise) =>
  promise.then(
    () => 'nothing refused',
    (error) => error.name,
  );

async function queues() {
  const sqs = new SQSClient();
  const { QueueUrl } = await sqs.send(new CreateQueueCommand({ QueueName: 'js-v3' }));
  await sqs.send(
    new SendMessageCommand({
      QueueUrl,
      MessageBody: 'one',
      MessageAttributes: { colour: { DataType: 'String', StringValue: 'blue' } },
    }),
  );
  const [got] = (await sqs.send(new ReceiveMessageCommand({ QueueUrl, MessageAttributeNames: ['All'] })))
    .Messages;
  await sqs.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle: got.ReceiptHandle }));
  const batch = await sqs.send(
    new SendMessageBatchCommand({
      QueueUrl,
      Entries: [
        { Id: 'a', MessageBody: '1' },
        { Id: 'b', MessageBody: '2', DelaySeconds: 901 },
      ],
    }),
  );
  saw.sqs = {
    body: got.Body,
    colour: got.MessageAttributes.colour.StringValue,
    sent: batch.Successful.map((one) => one.Id),
    failed: batch.Failed.map((one) => one.Id),
    missing: await refusal(
      sqs.send(new SendMessageCommand({ QueueUrl: QueueUrl + 'x', MessageBody: 'one' })),
    ),
  };
}

async function tables() {
  const plain = new DynamoDBClient();
  await plain.send(
    new CreateTableCommand({
      TableName: 'js-v3',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [
        { AttributeName: 'who', AttributeType: 'S' },
        { AttributeName: 'at', AttributeType: 'N' },
      ],
      KeySchema: [
        { AttributeName: 'who', KeyType: 'HASH' },
        { AttributeName: 'at', KeyType: 'RANGE' },
      ],
    }),
  );
  const documents = DynamoDBDocumentClient.from(plain);
  const TableName = 'js-v3',
    Key = { who: 'Ada', at: 1 };
  const Item = {
    ...Key,
    tags: new Set(['x', 'y']),
    deep: { list: [1, 'two', null, true] },
    raw: Buffer.from('bin'),
  };
  await documents.send(new PutCommand({ TableName, Item }));
  await documents.send(new PutCommand({ TableName, Item: { who: 'Ada', at: 2 } }));
  await documents.send(
    new UpdateCommand({
      TableName,
      Key,
      UpdateExpression: 'SET n = if_not_exists(n, :z) + :one',
      ExpressionAttributeValues: { ':z': 0, ':one': 1 },
    }),
  );
  const got = (await documents.send(new GetCommand({ TableName, Key }))).Item;
  const found = await documents.send(
    new QueryCommand({
      TableName,
      KeyConditionExpression: 'who = :w',
      ExpressionAttributeValues: { ':w': 'Ada' },
      ScanIndexForward: false,
    }),
  );
  saw.dynamodb = {
    n: got.n,
    tags: [...got.tags].sort(),
    deep: got.deep,
    raw: Buffer.from(got.raw).toString(),
    order: found.Items.map((item) => item.at),
    again: await refusal(
      documents.send(new PutCommand({ TableName, Item, ConditionExpression: 'attribute_not_exists(who)' })),
    ),
  };
}

async function objects() {
  saw.s3 = {};
  for (const forcePathStyle of [true, false]) {
    const s3 = new S3Client({ forcePathStyle });
    const Bucket = forcePathStyle ? 'js-v3-path' : 'js-v3-host',
      Key = 'a/b c+ü😀.txt';
    await s3.send(new CreateBucketCommand({ Bucket }));
    await s3.send(new PutObjectCommand({ Bucket, Key, Body: 'hello', Metadata: { mine: 'yes' } }));
    const got = await s3.send(new GetObjectCommand({ Bucket, Key }));
    const listed = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: 'a/' }));
    saw.s3[forcePathStyle ? 'path' : 'host'] = {
      body: await got.Body.transformToString(),
      metadata: got.Metadata,
      keys: listed.Contents.map((one) => one.Key),
      missing: await refusal(s3.send(new GetObjectCommand({ Bucket, Key: 'none' }))),
      unknown: await refusal(s3.send(new HeadObjectCommand({ Bucket, Key: 'none' }))),
    };
  }
}

async function functions(zip, Runtime) {
  const lambda = new LambdaClient();
  await lambda.send(
    new CreateFunctionCommand({
      FunctionName: 'js-v3',
      Runtime,
      Handler: 'app.handler',
      Role: 'arn:aws:iam::000000000000:role/any',
      Code: { ZipFile: Buffer.from(zip, 'base64') },
    }),
  );
  const invoke = async (event) => {
    const answer = await lambda.send(
      new InvokeCommand({ FunctionName: 'js-v3', Payload: JSON.stringify(event) }),
    );
    return [answer.FunctionError ?? null, JSON.parse(Buffer.from(answer.Payload).toString())];
  };
  saw.lambda = { answer: await invoke({ name: 'Ada' }), failure: (await invoke({}))[0] };
}

await queues();
await tables();
await objects();
await functions(process.argv[2], process.argv[3]);
console.log(JSON.stringify(saw));
