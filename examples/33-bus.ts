/** The message bus: tell whoever listens, ask whoever answers, and find who can do something. */
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineSkill, hasCode, startOrchestrator } from "../src/index.ts";

const quote = defineSkill<{ from: string; to: string }, string>({
	name: "quote",
	description: "Asks the exchange for a rate, and tells who wants to know.",
	async run(pair, { bus }) {
		const { data } = await bus.request("exchange.rate", pair, { timeout: "2s" });
		bus.publish(`quotes.${pair.from}.${pair.to}`, data);
		return `1 ${pair.from} is ${data} ${pair.to}`;
	},
});

const dataDir = await mkdtemp(join(tmpdir(), "muster-"));
const orchestrator = await startOrchestrator({ dataDir, skills: [quote], workers: 2, coordinators: 1 });
const { bus } = orchestrator;

// A service answers requests. Several of one name would share them.
const rates: Record<string, number> = { "EUR USD": 1.25, "USD EUR": 0.8 };
const exchange = bus.serve({
	name: "exchange",
	version: "1.0.0",
	description: "Knows two rates.",
	endpoints: [
		{
			name: "rate",
			handle({ data }) {
				const { from, to } = data as { from: string; to: string };
				const rate = rates[`${from} ${to}`];
				if (rate === undefined) throw new Error(`no rate from ${from} to ${to}`);
				return rate;
			},
		},
	],
});

// `*` stands for one token, `>` for all that follow.
const euros = bus.subscribe("quotes.EUR.*");
const all = bus.subscribe("quotes.>");
for (const input of [
	{ from: "EUR", to: "USD" },
	{ from: "USD", to: "EUR" },
]) {
	console.log(
		(await orchestrator.wait(await orchestrator.submit({ type: "quote", input }), { timeout: "10s" })).output,
	);
}
for await (const { subject, data } of all) {
	console.log(subject, data);
	if (subject === "quotes.USD.EUR") break;
}
console.log("euros:", euros.pending);

// What a service throws reaches the one who asked; where nobody listens there is nothing to wait for.
for (const [subject, pair] of [
	["exchange.rate", { from: "EUR", to: "XYZ" }],
	["exchange.fees", {}],
] as const) {
	await bus.request(subject, pair).catch((error: unknown) => {
		if (hasCode(error)) console.log(error.code, "-", error.message);
	});
}

// Services and agents are found by what they can do.
for (const { name, metadata, endpoints } of await bus.discover({ capability: "rate" })) {
	console.log(name, metadata.capabilities, endpoints);
}
console.log(
	(await bus.discover({ capability: "quote" })).map(({ metadata }) => `${metadata.agent} is ${metadata.state}`),
);
console.log(
	exchange.stats().map(({ name, num_requests, num_errors }) => `${name}: ${num_requests}, ${num_errors} failed`),
);

// A queue group shares its messages: each goes to one of them.
const [one, other] = [bus.subscribe("jobs", { queue: "workers" }), bus.subscribe("jobs", { queue: "workers" })];
for (let n = 1; n <= 10; n++) bus.publish("jobs", n);
console.log(one?.pending, other?.pending);

// Who is slow loses the newest messages beyond its bound, and is told.
const slow = bus.subscribe("ticks", { maxPending: 2 });
for (let n = 1; n <= 5; n++) bus.publish("ticks", n);
for await (const { data, missed } of slow) {
	console.log(`${data}, ${missed} missed before it`);
	if (data === 2) bus.publish("ticks", 6);
	if (data === 6) break;
}
await orchestrator.shutdown();
await rm(dataDir, { recursive: true });

/* Output:
1 EUR is 1.25 USD
1 USD is 0.8 EUR
quotes.EUR.USD 1.25
quotes.USD.EUR 0.8
euros: 1
E_SERVICE_FAILED - no rate from EUR to XYZ
E_NO_RESPONDERS - nobody listens on exchange.fees
exchange rate [ { name: 'rate', subject: 'exchange.rate' } ]
[ 'worker-1 is ready', 'worker-2 is ready' ]
[ 'rate: 3, 1 failed' ]
5 5
1, 0 missed before it
2, 0 missed before it
6, 3 missed before it
*/
