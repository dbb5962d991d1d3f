/** The load of the crash tests: every kind of work, decided by the seed. */
import type { Driver } from "./driver.ts";
import type { Spec } from "./messages.ts";

/** One call of the driver. A key makes it safe to ask again when no answer came. */
export function sendSome(driver: Driver, random: () => number): void {
	const n = driver.calls + 1;
	const value = Math.floor(random() * 1_000);
	const input = { n, value };
	const one = (type: string, more: object = {}): void =>
		void driver.call({ op: "submit", specs: [{ type, input: { ...input, ...more } }] });
	const dice = random();
	if (dice < 0.15) one("echo");
	else if (dice < 0.25) one("slow", { waitMs: Math.floor(random() * 40) });
	else if (dice < 0.32) driver.call({ op: "submit", specs: [{ type: "flaky", input, retry: { initial: 20 } }] });
	else if (dice < 0.36) one("hopeless");
	else if (dice < 0.5) one("checked");
	else if (dice < 0.58) one("blind");
	else if (dice < 0.68) driver.call({ op: "submit", specs: diamond(n, random) });
	else if (dice < 0.75)
		driver.call({ op: "submit", specs: [{ type: "coordinate", input: { tasks: parts(n, random) } }] });
	else if (dice < 0.85) driver.call({ op: "run", workflow: "chain", inputs: { n } });
	else if (dice < 0.92)
		driver.call({ op: "submit", specs: [{ type: "echo", input, delay: Math.floor(random() * 200) }] });
	else driver.call({ op: "submit", specs: [{ type: "echo", input: { n, value }, idempotencyKey: `key-${n}` }] });
}

function diamond(n: number, random: () => number): Spec[] {
	const top = random() < 0.15 ? "hopeless" : "slow";
	const task = (type: string, dependsOn: string[]): Spec => ({
		type,
		input: { n, value: Math.floor(random() * 100) },
		retry: { initial: 20 },
		...(dependsOn.length > 0 && { dependsOn }),
	});
	return [task(top, []), task("sum", ["#0"]), task("checked", ["#0"]), task("sum", ["#1", "#2"])];
}

const parts = (n: number, random: () => number): Spec[] =>
	Array.from({ length: 1 + Math.floor(random() * 5) }, (_, i) => ({ type: "slow", input: { n, value: i, waitMs: i } }));

/** Asks again for what had a key and no answer. */
export function sendAgain(driver: Driver): void {
	const answered = new Set(
		driver.log.flatMap((entry) => (entry.what === "ack" || entry.what === "refused" ? [entry.n] : [])),
	);
	const keys = new Set<string>();
	for (const entry of [...driver.log]) {
		if (entry.what !== "submit" || answered.has(entry.n)) continue;
		const [spec] = entry.specs;
		if (spec?.idempotencyKey === undefined || keys.has(spec.idempotencyKey)) continue;
		keys.add(spec.idempotencyKey);
		driver.call({ op: "submit", specs: entry.specs });
	}
}
