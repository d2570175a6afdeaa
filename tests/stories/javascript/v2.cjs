// The AWS SDK for JavaScript v2 at work; it knows no AWS_ENDPOINT_URL, so it is told. Says what it saw as JSON.
const AWS = require('aws-sdk');

AWS.config.update({ endpoint: process.env.AWS_ENDPOINT_URL, maxRetries: 0 });
const saw = {};
const refusal = async (request) =>
  request.promise().then(
    () => 'nothing refused',
    (error) => error.code,
  );

async function queues() {
  const sqs = new AWS.SQS();
  const { QueueUrl } = await sqs.createQueue({ QueueName: 'js-v2' }).promise();
  await sqs.sendMessage({ QueueUrl, MessageBody: 'one' }).promise();
  saw.sqs = {
    body: (await sqs.receiveMessage({ QueueUrl }).promise()).Messages[0].Body,
    missing: await refusal(sqs.getQueueUrl({ QueueName: 'none' })),
  };
}

async function tables() {
  await new AWS.DynamoDB()
    .createTable({
      TableName: 'js-v2',
      BillingMode: 'PAY_PER_REQUEST',
      AttributeDefinitions: [{ AttributeName: 'id', AttributeType: 'S' }],
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
    })
    .promise();
  const documents = new AWS.DynamoDB.DocumentClient();
  await documents.put({ TableName: 'js-v2', Item: { id: '1', deep: { list: [1, 'two'] } } }).promise();
  saw.dynamodb = {
    item: (await documents.get({ TableName: 'js-v2', Key: { id: '1' } }).promise()).Item,
    missing: await refusal(documents.get({ TableName: 'none', Key: { id: '1' } })),
  };
}

async function objects() {
  const s3 = new AWS.S3({ s3ForcePathStyle: true });
  await s3.createBucket({ Bucket: 'js-v2' }).promise();
  await s3.upload({ Bucket: 'js-v2', Key: 'big', Body: Buffer.alloc(11 << 20, 7) }).promise();
  const address = s3.getSignedUrl('getObject', { Bucket: 'js-v2', Key: 'big' });
  const visited = await fetch(address, { headers: { range: 'bytes=0-1' } });
  saw.s3 = {
    size: (await s3.headObject({ Bucket: 'js-v2', Key: 'big' }).promise()).ContentLength,
    presigned: [visited.status, [...new Uint8Array(await visited.arrayBuffer())]],
    missing: await refusal(s3.getObject({ Bucket: 'js-v2', Key: 'none' })),
  };
}

(async () => {
  await queues();
  await tables();
  await objects();
  saw.account = (await new AWS.STS().getCallerIdentity().promise()).Account;
  console.log(JSON.stringify(saw));
})().catch((error) => {
  console.error(error);
  process.exitCode = 1;
});
