// Kinesis, over HTTP/2 as this client speaks it, signed with a key that was made here.
import { KinesisClient, CreateStreamCommand, PutRecordCommand } from '@aws-sdk/client-kinesis';

const [accessKeyId, secretAccessKey, wrong] = process.argv.slice(2);
const client = (secret) => new KinesisClient({ credentials: { accessKeyId, secretAccessKey: secret } });
const record = { StreamName: 'signed', Data: Buffer.from('one'), PartitionKey: 'a' };

const kinesis = client(secretAccessKey);
await kinesis.send(new CreateStreamCommand({ StreamName: 'signed', ShardCount: 1 }));
const put = await kinesis.send(new PutRecordCommand(record));
const refused = await client(wrong).send(new PutRecordCommand(record)).catch((error) => error.name);
console.log(JSON.stringify({ shard: put.ShardId, refused }));
