/** Durable streams: messages that are kept, handled by a consumer until it says that they are done, and read again. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { startOrchestrator } from "../src/index.ts";

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const before = await startOrchestrator({ dataDir });
await before.bus.streams.create({ name: "orders", subjects: ["orders.>"], maxMessages: 1_000, maxAge: "7d" });

// Resolves when it is on disk. The same message id again, in time, is the same message.
for (const item of ["tea", "cake", "nothing"]) {
	const { seq } = await before.bus.streams.append("orders.new", { item }, { messageId: item });
	console.log(`${item} is number ${seq}`);
}
console.log((await before.bus.streams.append("orders.new", { item: "tea" }, { messageId: "tea" })).duplicate);

// One that handles each message: done, given back once, given up.
const kitchen = { name: "kitchen", ackWait: "30s", maxDeliver: 3 };
for await (const order of await before.bus.streams.consume("orders", kitchen)) {
	const { item } = order.data as { item: string };
	console.log(`delivery ${order.deliveries} of ${item}`);
	if (item === "tea") await order.ack();
	else if (item === "nothing") await order.term("there is no such thing");
	else if (order.deliveries === 1) order.nak("20ms");
	else break; // the process ends while it is at it
}
await before.shutdown();

const after = await startOrchestrator({ dataDir });
const { streams } = after.bus;
// What was not acknowledged comes again; what was, never.
for await (const order of await streams.consume("orders", kitchen)) {
	console.log("after a restart:", `delivery ${order.deliveries} of ${(order.data as { item: string }).item}`);
	await order.ack();
	break;
}
for (const { seq, data, reason } of await streams.deadLetters("orders", "kitchen"))
	console.log("dead:", seq, data, reason);

// The stream itself is untouched by who has handled what: others read it from where they like.
console.log((await streams.read("orders", { fromSeq: 2 })).map(({ seq, data }) => `${seq} ${JSON.stringify(data)}`));
for await (const { seq } of await streams.consume("orders", { name: "accounts", from: { seq: 2 } })) {
	console.log("accounts:", seq);
	if (seq === 3) break;
}
// Refused when somebody else was faster.
await streams
	.append("orders.new", { item: "pie" }, { expectedLastSeq: 2 })
	.catch((error) => console.log(error.message));
const { messages, consumers } = await streams.info("orders");
console.log(
	messages,
	consumers.map(({ name, ackFloor, deadLetters }) => `${name}: ${ackFloor} done, ${deadLetters} dead`),
);
await after.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
tea is number 1
cake is number 2
nothing is number 3
true
delivery 1 of tea
delivery 1 of cake
delivery 1 of nothing
delivery 2 of cake
after a restart: delivery 3 of cake
dead: 3 { item: 'nothing' } there is no such thing
[ '2 {"item":"cake"}', '3 {"item":"nothing"}' ]
accounts: 2
accounts: 3
the newest message of orders is number 3, not 2
3 [ 'kitchen: 3 done, 1 dead', 'accounts: 1 done, 0 dead' ]
*/
