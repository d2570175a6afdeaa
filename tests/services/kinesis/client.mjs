// What the SDK for JavaScript does with a stream. It speaks HTTP/2 to Kinesis unless "1" is wished for.
import {
  GetRecordsCommand, GetShardIteratorCommand, KinesisClient, PutRecordsCommand, SubscribeToShardCommand,
} from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";

const [endpoint, StreamName, ConsumerARN, version] = process.argv.slice(2);
const client = new KinesisClient({
  endpoint, region: "us-east-1", requestHandler: version === "1" ? new NodeHttpHandler() : undefined,
  credentials: { accessKeyId: "test", secretAccessKey: "test" },
});
const text = (records) => records.map((one) => Buffer.from(one.Data).toString());
const Records = ["a", "b"].map((data) => ({ Data: Buffer.from(data), PartitionKey: data }));
const put = await client.send(new PutRecordsCommand({ StreamName, Records }));
const place = { StreamName, ShardId: "shardId-000000000000", ShardIteratorType: "TRIM_HORIZON" };
const { ShardIterator } = await client.send(new GetShardIteratorCommand(place));
const got = await client.send(new GetRecordsCommand({ ShardIterator }));
const wish = { ConsumerARN, ShardId: place.ShardId, StartingPosition: { Type: "TRIM_HORIZON" } };
const pushed = [];
for await (const event of (await client.send(new SubscribeToShardCommand(wish))).EventStream) {
  pushed.push(...text(event.SubscribeToShardEvent.Records));
  if (pushed.length >= 2) break;
}
const nobody = new GetShardIteratorCommand({ ...place, StreamName: "nobody" });
const late = await client.send(nobody).catch((error) => error.name);
console.log(JSON.stringify({ failed: put.FailedRecordCount, got: text(got.Records), pushed, late }));
process.exit(0);
