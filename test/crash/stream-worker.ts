/** The process of `kill-stream.test.ts`: appends and consumes without end, and says what was acknowledged to it. */
import { writeSync } from "node:fs";
import { startOrchestrator } from "../../src/index.ts";

const [dataDir = "", snapshotBytes = ""] = process.argv.slice(2);
/** At once, however slowly it is read: what is said must be out before anything that follows. */
function say(line: object): void {
	const bytes = Buffer.from(`${JSON.stringify(line)}\n`);
	for (let at = 0; at < bytes.length; ) {
		try {
			at += writeSync(1, bytes, at);
		} catch (error) {
			if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
		}
	}
}

const orchestrator = await startOrchestrator({
	...{ dataDir, workflows: [], workers: 1, coordinators: 0, snapshotBytes: Number(snapshotBytes) },
});
const { streams } = orchestrator.bus;
await streams.create({ name: "orders", subjects: ["orders.>"], maxMessages: 1_000_000 });

async function append(writer: number): Promise<void> {
	for (let n = 0; ; n++) {
		const id = `${process.pid}-${writer}-${n}`;
		const { seq } = await streams.append("orders.new", { id }, { messageId: id });
		say({ appended: seq, id });
	}
}

async function consume(): Promise<void> {
	for await (const delivery of await streams.consume("orders", { name: "c" })) {
		say({ delivered: delivery.seq });
		if (delivery.seq % 7 === 0) continue; // never acknowledged
		void delivery.ack().then(() => say({ acked: delivery.seq }));
	}
}

await Promise.all([append(1), append(2), append(3), consume()]);
